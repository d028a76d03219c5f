"""Atomic writing of files and folders, a check before it, and checksums of files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NAME_CHARACTERS = 40
_LEFTOVER = re.compile(r"\..*\.[0-9a-f]{8}\.part")


@contextlib.contextmanager
def whole_file(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; at the end of the block it replaces ``path``.

    The folder of ``path`` is created if it does not exist. Renaming is atomic, replaces a symbolic link
    instead of following it, and keeps the default permissions. If the block or the renaming fails, ``path``
    is unchanged and the temporary file is removed. ``suffix`` is the extension of the temporary name, for
    writers that depend on it. Raises OSError.
    """
    temporary = path.with_name(temporary_name(path.name, suffix))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from None
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` at the end of the block; see whole_file.

    ``path`` may exist if it is an empty folder. Temporary folders of killed processes are removed first.
    Raises OSError.
    """
    work = path.with_name(path.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        if path.exists():
            path.rmdir()
        work.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Raise the OSError with which `whole_file` would fail at ``path``, before any work is done.

    ``path`` must be no folder, its name short enough, and its folder, or the first of its folders that
    exists, writable. Nothing is left there. Whether there is space is not checked.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    with contextlib.suppress(FileNotFoundError):
        path.lstat()  # fails for a name that is too long
    try:
        tempfile.TemporaryFile(dir=folder).close()  # where Linux can, a file without a name
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def temporary_name(name: str, suffix: str = "") -> str:
    """A unique, hidden name for the file ``name`` while it is written."""
    return f".{Path(name).stem[:_NAME_CHARACTERS]}.{secrets.token_hex(4)}.part{suffix}"


def is_temporary(name: str) -> bool:
    """Whether a file name is one of `temporary_name` without a suffix: left over from a killed process."""
    return _LEFTOVER.fullmatch(name) is not None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in lower-case hex; raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
