"""Files: written so that they appear whole or not at all, and their checksums."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_NAME_CHARACTERS = 40
_LEFTOVER = re.compile(r"\..*\.[0-9a-f]{8}\.part")


@contextlib.contextmanager
def whole_file(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give the block a new name beside ``path``; what it writes there takes the place of ``path`` at its end.

    The folder of ``path`` is made where there is none.
    Renaming is atomic, replaces a link instead of following it, and keeps the ordinary permissions. Where the
    block or the renaming fails, ``path`` stays as it was and nothing is left behind. ``suffix`` ends the
    name, for writers that look at it. Raises OSError where the file cannot be put into place.
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
    """Give the block a new folder beside ``path``, which takes its place at the end; see whole_file.

    ``path`` may be there, if it is an empty folder. Of an earlier process that was killed, what it left
    there is taken away first. Raises OSError where the folder cannot be put into place.
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


def temporary_name(name: str, suffix: str = "") -> str:
    """A name that no other has, hidden, for the file ``name`` while it is written."""
    return f".{Path(name).stem[:_NAME_CHARACTERS]}.{secrets.token_hex(4)}.part{suffix}"


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that a process, killed meanwhile, was writing (without suffix)."""
    return _LEFTOVER.fullmatch(name) is not None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
