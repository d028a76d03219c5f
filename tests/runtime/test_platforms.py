"""macOS and Windows, simulated: the runtime imports without what only Linux has, and the doctor says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.helpers import ROOT

from amgan.cli import main
from amgan.runtime import doctor
from amgan.runtime.machine import untried_system

ON_ANOTHER_SYSTEM = """
import asyncio, importlib, logging.handlers, multiprocessing, pkgutil, shutil, socket, subprocess, sys
import click, concurrent.futures.process, cv2, fsspec, jpeglib, numpy, openvino, PIL.ImageCms, psutil
import tempfile
sys.platform = sys.argv[1]
for name in sys.argv[2:]:
    sys.modules[name] = None  # how Python marks what cannot be imported
import amgan.runtime
names = [one.name for one in pkgutil.walk_packages(amgan.runtime.__path__, "amgan.runtime.")]
for name in names:
    if name.endswith((".onnx_graph", ".onnx_operators", ".spade_fused", ".spade_kernel")):
        continue  # for PyTorch, whose import is another matter
    importlib.import_module(name)
print(len(names))
"""
"""What others wrote is imported before: only our own modules meet the other system."""
MISSING: dict[str, list[str]] = {"win32": ["fcntl", "resource", "pwd", "grp", "termios"], "darwin": []}


@pytest.mark.parametrize("system", MISSING)
def test_all_of_the_runtime_imports(system: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ON_ANOTHER_SYSTEM, system, *MISSING[system]],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.parametrize(("system", "name"), [("win32", "Windows"), ("darwin", "macOS"), ("aix", "aix")])
def test_the_doctor_says_what_to_expect(monkeypatch: pytest.MonkeyPatch, system: str, name: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("amgan.runtime.machine.sys.platform", system)
        told = untried_system()
    assert told.startswith(f"nobody has run AMGAN on {name} yet: it is tested on Linux")
    monkeypatch.setattr(doctor, "untried_system", lambda: told)
    assert told in CliRunner().invoke(main, ["doctor"]).output


def test_nothing_is_said_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amgan.runtime.machine.sys.platform", "linux")
    assert untried_system() == ""


def test_the_readme_says_it_at_the_commands_of_installation() -> None:
    page = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "On macOS and Windows" in page and "but it has not been run there yet" in page
