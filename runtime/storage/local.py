"""The store of local files."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import UsageError
from ..files import file_sha256, is_temporary
from .location import Location
from .store import Facts, Listed, Store

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


class LocalStore(Store):
    """Local files; the methods that read or write raise OSError."""

    def identity(self, location: Location) -> str:
        """The real path with links resolved; not by Path.resolve, which fails at a link to itself."""
        return os.path.realpath(location.path)

    def is_file(self, location: Location) -> bool:
        """Whether the location is a regular file or a link to one."""
        return location.path.is_file()

    def is_folder(self, location: Location) -> bool:
        """Whether the location is a folder or a link to one."""
        return location.path.is_dir()

    def exists(self, location: Location) -> bool:
        """Whether the location exists; a broken link does not."""
        return location.path.exists()

    def facts(self, location: Location) -> Facts | None:
        """Size and modification time of a file; None if it does not exist or is not accessible."""
        try:
            found = location.path.stat()
        except OSError:
            return None
        return Facts(found.st_size, mtime_ns=found.st_mtime_ns)

    def sha256(self, location: Location) -> str:
        """SHA-256 of a file's content, in lower-case hex."""
        return file_sha256(location.path)

    def remove(self, location: Location) -> None:
        """Remove a file if it exists."""
        location.path.unlink(missing_ok=True)

    def walk(self, folder: Location, without: str = "") -> Iterator[Listed]:
        """See Store.walk: the files of every folder in order of name, then those of its subfolders.

        Links to folders, links to files outside ``folder`` and unreadable folders are listed with a
        ``refusal``.
        """
        top = folder.path
        unreadable: list[OSError] = []
        for path, subfolders, names in os.walk(top, onerror=unreadable.append):
            here = Path(path)
            subfolders[:] = sorted(
                n for n in subfolders if not n.startswith(".") and os.path.realpath(here / n) != without
            )
            for name in sorted(names):
                if not name.startswith(".") and name.lower() not in _SYSTEM_FILES:
                    yield _listed(here / name, top, top)
            for link in (here / name for name in subfolders):
                if link.is_symlink():
                    yield replace(
                        _named(link, top),
                        refusal="a link to a folder, which is not followed: give the folder itself",
                        unasked=True,
                    )
        for error in unreadable:
            found = _named(Path(error.filename), top)
            yield replace(found, refusal=f"a folder that cannot be read: {error.strerror}")

    def find(self, pattern: Location, without: str = "") -> Iterator[Listed]:
        """See Store.find; in order of name."""
        fixed = Path()
        for part in pattern.path.parts:
            if glob.has_magic(part):
                break
            fixed /= part
        found = sorted(glob.glob(pattern.text, recursive=True))  # noqa: PTH207  # names as they are written
        if not found:
            raise UsageError(f"'{pattern}' matches no file: check the pattern, and quote it")
        for path in map(Path, found):
            real = os.path.realpath(path)
            if path == fixed or (without and (real == without or real.startswith(without + os.sep))):
                continue
            if path.is_dir():
                relative = path.relative_to(fixed).as_posix()
                for one in self.walk(Location.of(path), without):
                    yield replace(one, name=f"{relative}/{one.name}")
            else:
                yield _listed(path, fixed)

    def remove_leftovers(self, root: Location, folders: Iterable[Location]) -> int:
        """See Store.remove_leftovers; only in these folders, not in their subfolders."""
        removed = 0
        for folder in folders:
            with contextlib.suppress(OSError):
                for path in folder.path.iterdir():
                    if is_temporary(path.name):
                        path.unlink()
                        removed += 1
        return removed


LOCAL = LocalStore()
"""The store of local files."""


def _leads_into(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _named(path: Path, top: Path) -> Listed:
    return Listed(Location(str(path)), path.relative_to(top).as_posix())


def _listed(path: Path, top: Path, inside: Path | None = None) -> Listed:
    """A file found below ``top``; links that lead out of the folder ``inside`` get a ``refusal``."""
    found = _named(path, top)
    link = inside is not None and path.is_symlink() and path.exists()
    if inside is not None and link and not _leads_into(path, inside):
        reason = f"a link that leads out of '{inside}', which is not followed"
        return replace(found, refusal=reason, unasked=True)
    if not path.exists():
        return replace(found, refusal="a broken link")
    return found if path.is_file() else replace(found, refusal="not a picture: not a regular file")
