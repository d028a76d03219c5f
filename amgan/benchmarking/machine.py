"""Facts in a result on machine, versions, source and command."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from amgan.runtime.doctor import read_versions
from amgan.runtime.engines.openvino_network import load_openvino
from amgan.runtime.machine import memory_of_the_machine, read_processor

FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16")
ROOT = Path(__file__).parents[2]
IDENTITY = ("cpu", "openvino_capabilities", "logical_cpus", "threads_used", "features")
"""The fields of `hardware` that must agree for two results to be comparable."""


def hardware(threads: int) -> dict[str, Any]:
    """Facts about the machine; ``threads`` is the number of CPUs that the benchmark uses."""
    openvino = load_openvino()

    model, flags = read_processor()
    core = openvino.Core()
    return {
        "cpu": model,
        "openvino_name": core.get_property("CPU", "FULL_DEVICE_NAME"),
        "openvino_capabilities": list(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        "logical_cpus": os.cpu_count(),
        "threads_used": threads,
        "features": [f for f in FEATURES if f in flags],
        "memory_gib": round(memory_of_the_machine()[0] / 2**30, 1),
        "system": platform.platform(),
        "load_average": os.getloadavg(),
    }


def busy(state: Mapping[str, Any]) -> str:
    """A note that a machine was busy before the measurement, or "".

    ``state`` is the `hardware` of a result. A machine is busy if its load exceeds its number of CPUs.
    """
    load = (state.get("load_average") or [0.0])[0]
    cpus = state.get("logical_cpus") or state.get("threads_used") or 0
    return f"load {load:.1f} on {cpus} CPUs" if cpus and load > cpus else ""


def commit() -> str | None:
    """The commit of the source, with -dirty if it was changed; None if unknown.

    Independent of the working directory: from the checkout, or from pip's record of an installed package's
    origin (PEP 610).
    """
    noted: dict[str, Any] = {}
    with contextlib.suppress(PackageNotFoundError, ValueError):
        noted = json.loads(distribution("amgan").read_text("direct_url.json") or "{}")
    if (ROOT / "pyproject.toml").is_file():
        return _described(ROOT)
    if commit_id := noted.get("vcs_info", {}).get("commit_id"):
        return str(commit_id)
    url = str(noted.get("url", ""))
    folder = Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None
    return _described(folder) if folder is not None and folder.is_dir() else None


def _described(folder: Path) -> str | None:
    """Git's description of a checkout; None if it is none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def typed(program: str, arguments: Sequence[str], root: Path = ROOT) -> str:
    """A command as it was typed, without folders of this machine, as results are published.

    Files below ``root`` keep the path from there, other absolute paths only the file name.
    """
    return shlex.join([program, *(_without_folders(one, root) for one in arguments)])


def _without_folders(argument: str, root: Path) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def heading(what: str, command: str, state: Mapping[str, Any], *packages: str) -> dict[str, Any]:
    """The first entries of a result: subject, date, command, machine and versions."""
    return {
        "what": what,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "hardware": dict(state),
        "versions": {"python": platform.python_version(), "commit": commit()}
        | read_versions(("amgan", "numpy", *packages)),
    }
