"""Facts about this machine: processor, GPUs, usable cores, available memory, and usable C extensions."""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU as its driver reports it; ``compute`` is 90 for compute capability 9.0."""

    name: str
    driver: str
    memory_mib: int
    compute: int


def read_processor() -> tuple[str, frozenset[str]]:
    """Model name of the processor, and its features ("avx2", ...) as the operating system lists them."""
    entries: dict[str, str] = {}
    try:
        for line in CPUINFO.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            entries.setdefault(key.strip().lower(), value.strip())
    except OSError:  # another system
        pass
    flags = entries.get("flags") or entries.get("features", "")  # ARM says Features
    model = entries.get("model name") or platform.processor() or platform.machine()
    return model, frozenset(flags.split())


@functools.cache
def load_extension(name: str) -> Any:
    """Import an optional C extension by its full name; None if it was not built or this CPU cannot run it.

    An extension that needs special instructions has a function ``usable``.
    """
    try:
        extension = importlib.import_module(name)
    except ImportError:
        return None
    return extension if getattr(extension, "usable", lambda: True)() else None


def find_gpus() -> tuple[tuple[Gpu, ...], str]:
    """The NVIDIA GPUs that the driver lists, and the reason if there are none (otherwise "").

    All GPUs of the machine in PCI bus order, including those that ``CUDA_VISIBLE_DEVICES`` hides.
    """
    try:
        import pynvml
    except ImportError:
        return (), "the package nvidia-ml-py is not installed (pip install 'nvidia-ml-py>=12')"
    try:
        pynvml.nvmlInit()
        try:
            driver = str(pynvml.nvmlSystemGetDriverVersion())
            gpus = tuple(_gpu(number, driver) for number in range(pynvml.nvmlDeviceGetCount()))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError_LibraryNotFound:
        return (), "no NVIDIA driver is installed (its library NVML was not found)"
    except pynvml.NVMLError as error:
        return (), f"the NVIDIA driver cannot be asked ({error})"
    return gpus, "" if gpus else "the NVIDIA driver lists no GPU"


def _gpu(number: int, driver: str) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    try:
        memory = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) >> 20
    except pynvml.NVMLError_NotSupported:  # a GPU that shares the machine's memory
        memory = 0
    return Gpu(str(pynvml.nvmlDeviceGetName(handle)), driver, memory, 10 * major + minor)


def free_gpu_memory(buses: Sequence[str]) -> list[int]:
    """The free memory in bytes of the GPUs at PCI bus addresses; 0 for each if the driver does not tell."""
    try:
        import pynvml
    except ImportError:
        return [0] * len(buses)
    try:
        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByPciBusId(bus) for bus in buses]
            return [int(pynvml.nvmlDeviceGetMemoryInfo(handle).free) for handle in handles]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return [0] * len(buses)


def show_one_gpu(number: int) -> None:
    """Restrict CUDA to one of its visible GPUs; must be called before CUDA is initialised.

    With a number that does not exist, CUDA finds no GPU.
    """
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    named = seen[number : number + 1] or ["-1"] if seen else [str(number)]
    os.environ["CUDA_VISIBLE_DEVICES"] = named[0]


def count_visible_gpus() -> int:
    """Number of NVIDIA GPUs that CUDA shows to this process; 0 if it cannot be told."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = len(find_gpus()[0])
    if shown is None:
        return gpus
    names = list(itertools.takewhile(lambda name: name not in ("", "-1"), shown.split(",")))
    return min(gpus, len(names))


def count_cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def untried_system() -> str:
    """A one-sentence warning about an operating system that AMGAN is not tested on; "" on Linux."""
    name = {"linux": "", "darwin": "macOS", "win32": "Windows"}.get(sys.platform, sys.platform)
    if not name:
        return ""
    return (
        f"nobody has run AMGAN on {name} yet: it is tested on Linux; its packages can be installed on macOS "
        "and Windows, locks and folders are the system's own, and the C library, Ray and TensorRT are for "
        "Linux"
    )


def address_space_left() -> int | None:
    """Bytes of address space left under the limit of this process (`ulimit -v`); None without a limit."""
    try:
        import resource

        import psutil

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        return max(0, limit - int(psutil.Process().memory_info().vms))
    except ImportError:  # another system, which has no such limit
        return None


def memory_left() -> int | None:
    """Bytes of memory that this process can still allocate; None if unknown.

    The minimum of what is left under the address space limit, the control group limits (of a container, for
    example) and on the machine. The kernel's page cache counts as free.
    """
    found = (address_space_left(), _control_groups_left(), _available())
    return min((left for left in found if left is not None), default=None)


def memory_of_the_machine() -> tuple[int, int]:
    """Total and available memory of the machine in bytes, without swap; 0 if unknown."""
    import psutil

    try:
        memory = psutil.virtual_memory()
    except OSError:
        return 0, 0
    return int(memory.total), int(memory.available)


def _available() -> int | None:
    """Available memory plus free swap of the machine, in bytes."""
    import psutil

    try:
        return int(psutil.virtual_memory().available + psutil.swap_memory().free)
    except OSError:
        return None


def _control_groups_left() -> int | None:
    """Bytes left under the limits of this process's control groups and their parents."""
    try:
        lines = [line.split(":", 2) for line in CGROUP.read_text().splitlines()]
    except OSError:
        return None
    left: list[int] = []
    for _, controllers, place in (line for line in lines if len(line) == 3):
        if not controllers:  # version 2
            top, names = CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = CGROUPS / "memory"
        else:
            continue
        # In a container the group has its name on the host, and the group itself may be mounted here.
        here = top / place.lstrip("/")
        folders = {here, *(one for one in here.parents if one.is_relative_to(top)), top}
        found = (_group_left(folder, *names) for folder in folders)
        left += [one for one in found if one is not None]
    return min(left, default=None)


def _group_left(folder: Path, limit: str, used: str, cached: str) -> int | None:
    """Bytes left under the limit of one control group; None if it has no limit."""
    try:
        text = (folder / limit).read_text().strip()
        if text == "max":
            return None
        stat = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, int(text) - int((folder / used).read_text()) + int(stat.get(cached, 0)))
    except (OSError, ValueError):
        return None
