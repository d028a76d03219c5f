"""Nothing leaves the machine, and nothing is written where nobody asked for it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.helpers import HOPPER
from support.recording_proxy import recording_proxy

from amgan.runtime.batch.ray_runner import LOCAL, _join
from amgan.runtime.engines.compiled_cache import MOST_BYTES

ROOT = Path(__file__).parent.parent
GATE = ROOT / "runtime/engines/openvino_network.py"
COMMANDS = {
    "doctor": ["doctor"],
    "estimate": ["estimate", HOPPER, "--json"],
    "age": ["age", HOPPER, "-o", "old.png", "--age", "+20"],
    "sweep": ["sweep", HOPPER, "-o", "strip.png", "--ages", "30,60"],
    "run-batch": ["run-batch", HOPPER, "-o", "aged", "--age", "70"],
}


OUTPUTS = {"age": "old.png", "sweep": "strip.png", "run-batch": "aged"}
NETWORKS = ".cache/amgan/networks"
A_NETWORK = re.compile(rf"{NETWORKS}/[0-9a-f]{{64}}\.network")


def is_network(left: str) -> bool:
    """Whether it is a compiled network in the user's cache folder, or that folder, which the README names."""
    return left in (".cache", ".cache/amgan", NETWORKS) or A_NETWORK.fullmatch(left) is not None


@dataclass(frozen=True)
class Run:
    """What a command asked the network for, what it left in HOME, TMPDIR and its own folder, and said."""

    asked: list[str]
    home: list[str]
    temporary: list[str]
    work: list[str]
    said: str


def run_behind_proxy(folder: Path, *command: object, **variables: object) -> Run:
    """Run a Python command line with an empty HOME and TMPDIR."""
    places = [folder / name for name in ("home", "temporary", "work")]
    for place in places:
        place.mkdir(exist_ok=True)  # a home may hold compiled networks already
    home, temporary, work = places
    more = {"TMPDIR": temporary} | variables
    with recording_proxy() as proxy:
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=proxy.environment(home) | {name: str(value) for name, value in more.items()},
            cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = [sorted(path.relative_to(place).as_posix() for path in place.rglob("*")) for place in places]
    return Run(proxy.asked, *left, done.stdout + done.stderr)


def of_a_command(name: str, model: Path) -> list[object]:
    """The command line of one of COMMANDS."""
    return ["-m", "amgan", *COMMANDS[name], *([] if name == "doctor" else ["--model", model])]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> tuple[Run, Path]:
    """An estimate with the cache in a folder of its own, and that folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    cache = folder / "cache"
    return run_behind_proxy(folder, *of_a_command("estimate", tiny_bundle), AMGAN_CACHE=cache), cache


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "estimate"])
def test_a_command_asks_for_nothing_and_leaves_compiled_networks_alone(
    name: str, tmp_path: Path, tiny_bundle: Path, elsewhere: tuple[Run, Path]
) -> None:
    """`amgan age` compiles the networks; the others find them, which saves time."""
    if name not in ("age", "doctor"):
        shutil.copytree(elsewhere[1], tmp_path / "home" / NETWORKS)
    run = run_behind_proxy(tmp_path, *of_a_command(name, tiny_bundle))
    assert run.asked == []
    assert [left for left in run.home if not is_network(left)] == []
    assert any(A_NETWORK.fullmatch(left) for left in run.home) == (name != "doctor")
    assert run.temporary == []
    assert {left.split("/")[0] for left in run.work} == ({OUTPUTS[name]} if name in OUTPUTS else set())


def test_nothing_is_left_where_the_cache_is_off(tmp_path: Path, tiny_bundle: Path) -> None:
    run = run_behind_proxy(tmp_path, *of_a_command("run-batch", tiny_bundle), AMGAN_CACHE="off")
    assert (run.asked, run.home, run.temporary) == ([], [], [])
    assert {left.split("/")[0] for left in run.work} == {OUTPUTS["run-batch"]}


def test_the_cache_can_be_elsewhere(elsewhere: tuple[Run, Path]) -> None:
    run, cache = elsewhere
    assert (run.asked, run.home, run.temporary, run.work) == ([], [], [], [])
    assert {path.suffix for path in cache.iterdir()} == {".network"}


def test_the_readme_says_what_is_kept_where_and_how_to_do_without() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    for word in (f"~/{NETWORKS}", "XDG_CACHE_HOME", "AMGAN_CACHE=off", "AMGAN_CACHE=FOLDER", "256 MiB"):
        assert word in page
    assert MOST_BYTES == 256 * 2**20


def test_the_proxy_would_notice(tmp_path: Path) -> None:
    code = (
        "import pathlib, urllib.request\n"
        "pathlib.Path.home().joinpath('id').touch()\n"
        "try: urllib.request.urlopen('https://example.org/collect', timeout=20)\n"
        "except OSError: pass"
    )
    run = run_behind_proxy(tmp_path, "-c", code)
    assert [line.rsplit(" ", 1)[0] for line in run.asked] == ["CONNECT example.org:443"]
    assert run.home == ["id"] and not is_network("id")
    assert not is_network(f"{NETWORKS}/photo.jpg") and not is_network(".cache/other")


def test_conversion_by_openvino_asks_for_nothing_either(tmp_path: Path) -> None:
    code = (
        "from amgan.runtime.engines.openvino_network import load_openvino\n"
        "openvino = load_openvino()\n"
        "assert load_openvino() is openvino\n"
        "import sys\n"
        "assert 'openvino.tools.ovc' not in sys.modules\n"
        "assert not hasattr(openvino, 'convert_models')\n"
        "try: openvino.convert_model('not-there.onnx')\n"
        "except Exception as error: print(type(error).__name__)\n"
        "assert 'openvino.tools.ovc' in sys.modules"
    )
    run = run_behind_proxy(tmp_path, "-c", code)
    assert run.said
    assert (run.asked, run.home) == ([], [])


def test_a_home_that_cannot_be_written_is_not_mentioned(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "os.environ['HOME'] = '/proc/nobody'\n"
        "from amgan.runtime.engines.openvino_network import load_openvino\n"
        "load_openvino()"
    )
    assert run_behind_proxy(tmp_path, "-c", code) == Run([], [], [], [], "")


def imports_openvino(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text if "openvino" in text else "")):
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
