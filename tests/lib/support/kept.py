"""Folders that a user's checkouts share, for what takes long to make and depends on known files alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNUSED_S = 3 * 24 * 3600
"""Folders that nobody used for longer are deleted."""


def kept_folder(name: str, files: Iterable[Path], *facts: str) -> Path | None:
    """A folder named by a hash of files of this checkout and of facts; None if it would not be the user's.

    Two checkouts with the same files get the same folder, any other content gets another one.
    """
    digest = hashlib.sha256(repr(facts).encode())
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    top = Path(tempfile.gettempdir()) / f"amgan-tests-{os.getuid() if hasattr(os, 'getuid') else ''}"
    top.mkdir(mode=0o700, exist_ok=True)
    if top.is_symlink() or (hasattr(os, "getuid") and top.stat().st_uid != os.getuid()):
        return None
    folder = top / f"{name}-{digest.hexdigest()[:24]}"
    folder.mkdir(exist_ok=True)
    os.utime(folder)
    for other in top.iterdir():
        with contextlib.suppress(OSError):  # another process deletes it, too
            if time.time() - other.stat().st_mtime > UNUSED_S:
                shutil.rmtree(other, ignore_errors=True)
    return folder


def made_once(
    name: str, files: Iterable[Path], facts: Iterable[str], other: Path, make: Callable[[Path], None]
) -> Path:
    """A folder that ``make`` filled, now or earlier; other processes wait meanwhile.

    ``other`` is used where there is no folder to share.
    """
    import fcntl  # not on Windows

    folder = kept_folder(name, files, *facts) or other
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            make(folder)
            (folder / "done").touch()
    return folder
