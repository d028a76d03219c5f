"""Detection of full disks, which end a run."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from ..errors import DiskFullError
from ..storage.location import Location


def disk_full(target: Path | Location) -> DiskFullError:
    """The error for a disk without space for ``target``."""
    return DiskFullError(
        f"no space is left for '{target}': free some space and run the same command again to resume"
    )


def is_disk_full(error: BaseException, folder: Path, size: int) -> bool:
    """Whether writing at most ``size`` bytes failed for lack of space."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            if cause.errno in (errno.ENOSPC, errno.EDQUOT):
                return True
            if cause.errno is None:  # Pillow's encoders do not set errno
                return _free_bytes(folder) < max(size, 1 << 20)
        cause = cause.__cause__ or cause.__context__
    return False


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
