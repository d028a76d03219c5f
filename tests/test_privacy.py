"""Nothing leaves the machine, and nothing is written where nobody asked for it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.helpers import HOPPER
from support.recording_proxy import recording_proxy

from amgan.runtime.batch.ray_runner import LOCAL, _join

ROOT = Path(__file__).parent.parent
GATE = ROOT / "runtime/engines/openvino_network.py"
COMMANDS = {
    "doctor": ["doctor"],
    "estimate": ["estimate", HOPPER, "--json"],
    "age": ["age", HOPPER, "-o", "old.png", "--age", "+20"],
    "sweep": ["sweep", HOPPER, "-o", "strip.png", "--ages", "30,60"],
    "run-batch": ["run-batch", HOPPER, "-o", "aged", "--age", "70"],
}


def is_network(path: Path) -> bool:
    """Whether it is a compiled network in the user's cache folder, or that folder, which the README names."""
    return path.suffix == ".network" or path.as_posix().endswith(
        ("/.cache", "/.cache/amgan", "/.cache/amgan/networks")
    )


def run_behind_proxy(folder: Path, *command: object) -> tuple[list[str], list[str], str]:
    """Run a Python command line; what it asked the network for, what it left in HOME, what it said."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    with recording_proxy() as proxy:
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=proxy.environment(home), cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = [path.relative_to(home).as_posix() for path in home.rglob("*") if not is_network(path)]
    return proxy.asked, left, done.stdout + done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_asks_the_network_for_nothing(name: str, tmp_path: Path, tiny_bundle: Path) -> None:
    model = [] if name == "doctor" else ["--model", tiny_bundle]
    asked, left, _ = run_behind_proxy(tmp_path, "-m", "amgan", *COMMANDS[name], *model)
    assert asked == []
    assert left == []


def test_the_proxy_would_notice(tmp_path: Path) -> None:
    code = (
        "import pathlib, urllib.request\n"
        "pathlib.Path.home().joinpath('id').touch()\n"
        "try: urllib.request.urlopen('https://example.org/collect', timeout=20)\n"
        "except OSError: pass"
    )
    asked, left, _ = run_behind_proxy(tmp_path, "-c", code)
    assert [line.rsplit(" ", 1)[0] for line in asked] == ["CONNECT example.org:443"]
    assert left == ["id"]


def test_conversion_by_openvino_asks_for_nothing_either(tmp_path: Path) -> None:
    code = (
        "from amgan.runtime.engines.openvino_network import load_openvino\n"
        "openvino = load_openvino()\n"
        "assert load_openvino() is openvino\n"
        "try: openvino.convert_model('not-there.onnx')\n"
        "except Exception as error: print(type(error).__name__)"
    )
    asked, left, said = run_behind_proxy(tmp_path, "-c", code)
    assert said
    assert (asked, left) == ([], [])


def test_a_home_that_cannot_be_written_is_not_mentioned(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "os.environ['HOME'] = '/proc/nobody'\n"
        "from amgan.runtime.engines.openvino_network import load_openvino\n"
        "load_openvino()"
    )
    assert run_behind_proxy(tmp_path, "-c", code) == ([], [], "")


def imports_openvino(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if any(name.split(".")[0] == "openvino" for name in names):
            return True
    return False


def test_openvino_is_imported_in_one_place() -> None:
    folders = ("amgan", "runtime", "export", "tests", "benchmarks", "docs", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert GATE in files
    assert [str(path) for path in files if imports_openvino(path)] == []


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path) -> None:
    for line in (
        "import openvino",
        "def f():\n    from openvino import opset13",
        "import openvino.runtime as x",
    ):
        (tmp_path / "x.py").write_text(line)
        assert imports_openvino(tmp_path / "x.py"), line
    (tmp_path / "x.py").write_text("from .openvino_network import load_openvino")
    assert not imports_openvino(tmp_path / "x.py")


@pytest.mark.parametrize(("before", "after"), [(None, "0"), ("1", "1")])
def test_ray_reports_its_use_only_where_the_user_says_so(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", before or "")
    if before is None:
        monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    seen: list[str | None] = []

    class Ray:
        @staticmethod
        def init(**_: Any) -> None:
            seen.append(os.environ.get("RAY_USAGE_STATS_ENABLED"))

    _join(Ray, LOCAL)
    assert seen == [after]
