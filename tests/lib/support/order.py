"""How the tests are shared by the processes of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

ONE_PROCESS = {"capi", "export"}
"""Folders whose tests share what takes long to make: the C library, an export in all precisions."""
FIRST = (
    "tests/benchmarks/test_suites.py",
    "tests/benchmarks/test_gpu_rehearsal.py",
    "tests/runtime/batch/test_killed.py",
    "tests/runtime/batch/test_processes.py",
    "tests/amgan/training/test_ranks.py",
    "tests/amgan/pairs/test_build_field.py",
    "tests/amgan/labels/test_command.py",
    "tests/amgan/serving/test_browser.py",
    "tests/runtime/batch/test_torture.py",
    "tests/runtime/batch/test_leaks.py",
    "tests/test_privacy.py",
)
"""Files whose few tests take longest, by far more than their number says."""


def scope_of(name: str) -> str:
    """What the test of this name shares a process with: the tests of its file, or those of its folder."""
    file = name.split("::", 1)[0]
    folder = file.split("/")[1]
    return folder if folder in ONE_PROCESS else file


def ordered(names: Sequence[str]) -> list[int]:
    """Places of the tests of these names in the order in which they begin, scope by scope.

    What takes longest comes first: a process that begins with it as the last one lets the others wait.
    """
    tests = Counter(map(scope_of, names))
    rank = {name: number for number, name in enumerate(FIRST)}

    def key(place: int) -> tuple[int, int]:
        scope = scope_of(names[place])
        return rank.get(scope, len(FIRST)), -tests[scope]

    return sorted(range(len(names)), key=key)
