"""Who may import whom, and what must not be loaded by light-weight uses."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"runtime": "amgan.runtime", "export": "amgan.export", "amgan": "amgan"}
HEAVY = {
    "torch", "onnx", "onnxscript", "onnxruntime", "tensorrt", "tensorrt_rtx", "cuda", "openvino", "scipy",
    "matplotlib", "cv2", "jinja2", "psutil", "pynvml",
}  # fmt: skip

#: The rooms of runtime/, from the ground up, and what each may import besides itself. A room names only rooms
#: above it in this table, so there can be no circle.
ROOMS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "files": frozenset(),
    "machine": frozenset(),
    "pages": frozenset(),
    "photo": frozenset({"errors", "files", "machine"}),
    "bundle": frozenset({"errors", "files"}),
    "storage": frozenset({"errors", "files"}),
    "engines": frozenset({"errors", "files", "machine", "bundle"}),
    "face": frozenset({"errors", "machine", "engines"}),
    "ages": frozenset({"errors", "files", "face"}),
    "pipeline": frozenset({"errors", "machine", "photo", "face", "bundle", "ages", "engines"}),
    "batch": frozenset(
        {
            "errors",
            "files",
            "machine",
            "pages",
            "photo",
            "bundle",
            "face",
            "storage",
            "ages",
            "engines",
            "pipeline",
        }
    ),
    "pictures": frozenset({"errors", "files", "face", "ages", "pipeline"}),
    "video": frozenset(
        {"errors", "files", "photo", "bundle", "storage", "face", "ages", "engines", "pipeline", "pictures"}
    ),
    "doctor": frozenset({"errors", "machine", "bundle", "engines"}),
}
#: Folders of runtime/ that hold no Python of ours.
NO_ROOMS = {"__init__", "bundles", "capi", "native"}
"""Folders without modules that others import; `native` has the headers that all C extensions share."""


@dataclass(frozen=True)
class Import:
    """One import of ours: by which file, in which line, of what, and whether inside a function."""

    file: str
    line: int
    module: str
    inside_function: bool

    @property
    def package(self) -> str:
        """Which of the three packages it takes something from."""
        for name in ("amgan.runtime", "amgan.export"):
            if self.module == name or self.module.startswith(f"{name}."):
                return name
        return "amgan"


@functools.cache
def imports_of(path: Path, folder: str) -> tuple[Import, ...]:
    """All imports of AMGAN's own modules in a file, type-checking ones included."""
    parts = [PACKAGES[folder], *path.relative_to(ROOT / folder).parent.parts]

    def visit(node: ast.AST, inside: bool) -> Iterator[Import]:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(parts).split(".")
            base = above[: len(above) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            # "from amgan import runtime" is an import of amgan.runtime
            names = [f"{source}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "amgan":
                yield Import(path.relative_to(ROOT).as_posix(), node.lineno, name, inside)  # type: ignore[attr-defined]
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    return tuple(visit(ast.parse(path.read_text(encoding="utf-8")), False))


def allowed(one: Import) -> bool:
    """The table of docs/architecture.md."""
    folder = one.file.split("/")[0]
    if folder == "runtime":
        return one.package == "amgan.runtime"
    if folder == "amgan" and one.package == "amgan.export":
        late = one.file.startswith("amgan/commands/") and one.inside_function
        return late or one.file.startswith("amgan/benchmarking/")
    return True


@pytest.mark.parametrize("folder", sorted(PACKAGES))
def test_imports_follow_the_table(folder: str) -> None:
    found = [one for path in sorted((ROOT / folder).rglob("*.py")) for one in imports_of(path, folder)]
    assert found or folder == "export"
    assert [one for one in found if not allowed(one)] == []


def room_of(file: str) -> str:
    """The room of a file of runtime/, or its own name where it lies in none."""
    return file.split("/")[1].removesuffix(".py")


def leaves_its_rooms(one: Import) -> bool:
    """Whether a file of runtime/ imports from a room that the table does not give it."""
    here, there = room_of(one.file), [*one.module.split("."), ""][2]
    return here in ROOMS and here != there and there not in ROOMS[here]


def test_the_rooms_are_a_table_without_circles() -> None:
    known: set[str] = set()
    for room, may_import in ROOMS.items():
        assert may_import <= known
        known.add(room)
    below = {path.name.removesuffix(".py") for path in (ROOT / "runtime").iterdir() if path.name[0] != "_"}
    assert below == set(ROOMS) | NO_ROOMS - {"__init__"}


def test_c_extensions_include_headers_of_rooms_below() -> None:
    found: set[tuple[str, str]] = set()
    for file in (ROOT / "runtime").glob("*/_*.[ch]"):
        for room in re.findall(r'#include "\.\./(\w+)/', file.read_text()):
            found.add((file.parent.name, room))
    assert ("face", "native") in found
    assert {(here, there) for here, there in found if there not in ROOMS[here] | {"native"}} == set()


def test_imports_of_the_runtime_follow_its_rooms() -> None:
    found = [one for path in sorted((ROOT / "runtime").rglob("*.py")) for one in imports_of(path, "runtime")]
    assert [one for one in found if leaves_its_rooms(one)] == []


def modules_imported(root: Path) -> dict[str, set[str]]:
    """For every module of runtime/, those that it imports, late and type-checking imports included."""
    names = {}
    for path in sorted((root / "runtime").rglob("*.py")):
        parts = path.relative_to(root / "runtime").with_suffix("").parts
        names[path] = ".".join(["amgan.runtime", *(part for part in parts if part != "__init__")])
    known = set(names.values())
    found: dict[str, set[str]] = {}
    for path, name in names.items():
        whole = [one.module for one in imports_of(path, "runtime")]
        nearest = {m if m in known else m.rpartition(".")[0] for m in whole}
        found[name] = (nearest & known) - {name, "amgan.runtime"}
    return found


def circle_in(arrows: dict[str, set[str]]) -> list[str]:
    """The names that stay when, again and again, those that import none of the others are taken away."""
    left = dict(arrows)
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_no_two_modules_of_the_runtime_import_each_other() -> None:
    arrows = modules_imported(ROOT)
    del arrows["amgan.runtime"]  # the public names, loaded late; nothing below may import it
    assert circle_in(arrows) == []


def test_a_circle_is_seen() -> None:
    assert circle_in({"a": {"b"}, "b": set()}) == []
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("file", "code", "outside"),
    [
        ("runtime/face/x.py", "from ..errors import AmganError", False),
        ("runtime/face/x.py", "from .warp import sample_affine", False),
        ("runtime/face/x.py", "from ..pipeline.pipeline import Pipeline", True),
        ("runtime/face/x.py", "def f():\n    from ..ages import request", True),
        ("runtime/errors.py", "from .files import whole_file", True),
        ("runtime/engines/cuda/x.py", "from ...photo.read import read_photo", True),
        ("runtime/engines/cuda/x.py", "from ..contract import Engine", False),
        ("runtime/bundle/x.py", "from amgan.runtime import Pipeline", True),
    ],
)
def test_the_reader_of_rooms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, code: str, outside: bool
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(code)
    (one,) = imports_of(tmp_path / file, "runtime")
    assert leaves_its_rooms(one) == outside


@pytest.mark.parametrize(
    ("file", "code", "fine"),
    [
        ("runtime/x.py", "from .errors import AmganError", True),
        ("runtime/x.py", "from amgan.runtime import errors", True),
        ("runtime/x.py", "from amgan import __version__", False),
        ("runtime/x.py", "from ..export import y", False),
        ("runtime/x.py", "def f():\n    import amgan.export.y", False),
        ("amgan/x.py", "def f():\n    from amgan import export", False),
        ("amgan/commands/x.py", "from amgan.export import y", False),
        ("amgan/benchmarking/x.py", "from amgan.export import y", True),
        ("amgan/commands/x.py", "def f():\n    from ..export.y import z", True),
        ("export/x.py", "from amgan.networks import y\nfrom amgan.runtime import z", True),
    ],
)
def test_the_reader_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, code: str, fine: bool
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(code)
    found = list(imports_of(tmp_path / file, file.split("/", maxsplit=1)[0]))
    assert found
    assert all(allowed(one) for one in found) == fine


def loaded(*command: str) -> tuple[set[str], str]:
    """Top-level packages that `python -X importtime COMMAND` loads, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in lines}, done.stdout


def test_runtime_loads_nothing_heavy() -> None:
    modules, _ = loaded("-c", "import amgan.runtime")
    assert "amgan" in modules
    assert modules & HEAVY == set()


def test_every_light_runtime_module_loads_without_the_extras() -> None:
    modules, _ = loaded(
        "-c", "import amgan.runtime.batch.run, amgan.runtime.doctor, amgan.runtime.ages.request"
    )
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run-batch", "--help"], ["doctor", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from amgan.cli import main; main({arguments!r}, prog_name='amgan')"
    modules, output = loaded("-c", code)
    assert "amgan" in output
    assert modules & (HEAVY | {"numpy", "PIL", "rich"}) == set()


def test_tests_share_helpers_through_their_package() -> None:
    """They are imported as support.NAME: without that they are not found."""
    names = {path.stem for path in (ROOT / "tests" / "lib" / "support").glob("*.py")}
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}: from support.{node.module} import ..."
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module in names
    ]
    assert names and bare == []
