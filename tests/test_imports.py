"""Who may import whom, and what must not be loaded by light-weight uses."""

from __future__ import annotations

import ast
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
    "matplotlib", "cv2",
}  # fmt: skip


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


def imports_of(path: Path, folder: str) -> Iterator[Import]:
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

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False)


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
    modules, _ = loaded("-c", "import amgan.runtime.batch, amgan.runtime.doctor, amgan.runtime.request")
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run-batch", "--help"], ["doctor", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from amgan.cli import main; main({arguments!r}, prog_name='amgan')"
    modules, output = loaded("-c", code)
    assert "amgan" in output
    assert modules & (HEAVY | {"numpy", "PIL", "rich"}) == set()
