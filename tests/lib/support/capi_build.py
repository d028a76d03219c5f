"""libamgan for tests, built with CMake."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "runtime" / "capi"
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


def build(folder: Path, *options: str) -> Path:
    """Configure and build libamgan and its test driver in a folder, warnings being errors; the folder.

    The folder may hold an older build, which is brought up to date; other processes wait meanwhile.
    """
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(folder, *options)


def _build(folder: Path, *options: str) -> Path:
    configure = [
        "cmake", "-S", str(SOURCE), "-B", str(folder), "-G", "Ninja", "-DAMGAN_WERROR=ON",
        "-DAMGAN_BUILD_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release", f"-DOpenVINO_DIR={openvino_cmake()}",
        *options,
    ]  # fmt: skip
    for command in (configure, ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder
