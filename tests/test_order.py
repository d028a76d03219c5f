"""The order of the tests."""

from __future__ import annotations

from support.kept import ROOT
from support.order import FIRST, ordered, scope_of


def test_what_takes_longest_begins_first() -> None:
    names = [
        "tests/amgan/test_few.py::test_a",
        "tests/export/test_x.py::test_a",
        "tests/runtime/test_many.py::test_a",
        "tests/runtime/test_many.py::test_b[x::y]",
        f"{FIRST[1]}::test_a",
        f"{FIRST[0]}::test_a",
        "tests/export/graphs/test_y.py::test_a",
        "tests/export/graphs/test_y.py::test_b",
    ]
    assert ordered(names) == [5, 4, 1, 6, 7, 2, 3, 0]
    assert scope_of(names[1]) == scope_of(names[6]) == "export"
    assert scope_of(names[3]) == "tests/runtime/test_many.py"


def test_files_that_begin_first_are_there() -> None:
    assert all((ROOT / name).is_file() for name in FIRST)
