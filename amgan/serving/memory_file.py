"""A file that lives in memory only, for code that wants a path.

The photo readers take paths, check what they open, and open it again; files of strangers must go the same way
and be written nowhere. Linux gives such files a place in /proc for as long as they are open.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path, PurePosixPath

from amgan.runtime.errors import UsageError


class MemoryFile(type(Path())):  # type: ignore[misc]
    """A path that shows the name it was given, and opens what is in memory.

    The memory is given back with the object. Paths made from it are ordinary ones.
    """

    _place: str | None = None

    @classmethod
    def of(cls, content: bytes | bytearray | memoryview, name: str) -> MemoryFile:
        """Put ``content`` into memory under a plain name, such as "me.jpg"; raises UsageError."""
        if not hasattr(os, "memfd_create"):
            raise UsageError("`amgan serve` needs Linux: it keeps photos in memory that has a place in /proc")
        path = cls(clean_name(name))
        descriptor = os.memfd_create("amgan", os.MFD_CLOEXEC)
        weakref.finalize(path, os.close, descriptor)
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        path._place = f"/proc/self/fd/{descriptor}"
        return path

    def __fspath__(self) -> str:
        return self._place or str(super().__fspath__())


def clean_name(name: str, default: str = "photo") -> str:
    """The last part of a file's name as somebody sent it: 120 characters that can be printed, at most."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(c for c in last if c.isprintable()).strip()
    return shown[-120:] if shown not in ("", ".", "..") else default
