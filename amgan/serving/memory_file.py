"""A file in memory with a path, for code that needs a path.

The photo readers take paths, check the file, and open it again; uploads must pass the same checks without
being written to disk. On Linux such files have a path in /proc while they are open.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path, PurePosixPath

from amgan.runtime.errors import UsageError


class MemoryFile(type(Path())):  # type: ignore[misc]
    """A path with a given name that opens a file in memory.

    The memory is freed with the object. Paths derived from it are ordinary ones.
    """

    _proc_path: str | None = None

    @classmethod
    def of(cls, content: bytes | bytearray | memoryview, name: str) -> MemoryFile:
        """Create a file in memory with ``content`` and a name such as "me.jpg"; raises UsageError."""
        if not hasattr(os, "memfd_create"):
            raise UsageError("`amgan serve` needs Linux: it keeps photos in memory that has a path in /proc")
        path = cls(clean_name(name))
        descriptor = os.memfd_create("amgan", os.MFD_CLOEXEC)
        weakref.finalize(path, os.close, descriptor)
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        path._proc_path = f"/proc/self/fd/{descriptor}"
        return path

    def __fspath__(self) -> str:
        return self._proc_path or str(super().__fspath__())


def clean_name(name: str, default: str = "photo") -> str:
    """The last component of an untrusted file name: at most 120 printable characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(c for c in last if c.isprintable()).strip()
    return shown[-120:] if shown not in ("", ".", "..") else default
