"""libamgan for tests, built with CMake."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
from pathlib import Path

from support.kept import ROOT, made_once

SOURCE = ROOT / "runtime" / "capi"
TOOLS = ("cmake", "ninja", "gcc", "g++")


def missing_tools() -> list[str]:
    """Programs that the build needs and this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def openvino_cmake() -> Path:
    """The folder of the OpenVINO wheel's CMake files."""
    spec = importlib.util.find_spec("openvino")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "cmake"


def sources() -> list[Path]:
    """Everything that a build is made of, and the code that makes it."""
    shared = [
        file for room in ("engines", "face", "native") for file in (ROOT / "runtime" / room).glob("_*.h")
    ]
    found = (*SOURCE.rglob("*"), *shared, Path(__file__))
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def build(other: Path) -> Path:
    """Libamgan and its test driver, warnings being errors: the folder of the build.

    Builds of the same sources with the same tools are made once, from a copy of the sources; other processes
    wait meanwhile. ``other`` is a folder to build in where there is none to share.
    """
    facts = (*versions(), str(openvino_cmake()), importlib.metadata.version("openvino"))
    return made_once("libamgan", sources(), facts, other, _build) / "build"


def versions() -> list[str]:
    """What the tools say of their versions."""
    return [_run(tool, "--version") for tool in TOOLS]


def _build(folder: Path) -> None:
    for file in sources():
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    copied = folder / SOURCE.relative_to(ROOT)
    _run(
        "cmake", "-S", str(copied), "-B", str(folder / "build"), "-G", "Ninja", "-DAMGAN_WERROR=ON",
        "-DAMGAN_BUILD_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release", f"-DOpenVINO_DIR={openvino_cmake()}",
    )  # fmt: skip
    _run("cmake", "--build", str(folder / "build"))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
