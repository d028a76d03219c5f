"""What this machine is: the processor cores that may be used, and the memory that is left."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")


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
