"""What this machine is: the processor cores that may be used, and the memory that is left."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def count_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def address_space_left() -> int | None:
    """Bytes of address space that a limit (`ulimit -v`) leaves this process; None where there is no limit."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        return max(0, limit - int(STATM.read_text().split()[0]) * resource.getpagesize())
    except (ImportError, OSError, ValueError):  # another system, which has no such limit
        return None


def memory_left() -> int | None:
    """Bytes of memory that this process can still get; None where that is not known.

    The least of what a limit of the address space, the limits of its control groups (a container's, a
    cluster's), and the machine itself leave. What files have in the kernel's cache counts as free.
    """
    found = (address_space_left(), _control_groups_left(), _available())
    return min((left for left in found if left is not None), default=None)


def _available() -> int | None:
    """Memory and swap that the machine has left."""
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return sum(int(lines[name].split()[0]) for name in ("MemAvailable", "SwapFree")) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _control_groups_left() -> int | None:
    """What the limits of this process's control groups, and of those around them, leave."""
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
        # In a container the group's name is that outside, and what is mounted here may be the group itself.
        here = top / place.lstrip("/")
        folders = {here, *(one for one in here.parents if one.is_relative_to(top)), top}
        found = (_group_left(folder, *names) for folder in folders)
        left += [one for one in found if one is not None]
    return min(left, default=None)


def _group_left(folder: Path, limit: str, used: str, cached: str) -> int | None:
    """What the limit of one control group leaves; None where it has none."""
    try:
        text = (folder / limit).read_text().strip()
        if text == "max":
            return None
        stat = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, int(text) - int((folder / used).read_text()) + int(stat.get(cached, 0)))
    except (OSError, ValueError):
        return None
