"""Locations of files: local paths, and URLs of other file systems."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOCAL = re.compile(r"(file|local)://")


@dataclass(frozen=True, order=True)
class Location:
    """A file or a folder: ``text`` is a local path or a URL such as s3://bucket/photos."""

    text: str

    @classmethod
    def of(cls, named: str | Path | Location) -> Location:
        """The location of a path or a URL; a file:// URL becomes a local path."""
        if isinstance(named, Location):
            return named
        text = os.fsdecode(named)
        if is_url(text):
            scheme, mark, rest = text.partition("://")
            return cls(scheme + mark + rest.rstrip("/"))
        found = _LOCAL.match(text)
        return cls(str(Path(text[found.end() :] if found else text)))

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Location:
        """The location ``name`` inside this folder."""
        if self.is_remote:
            return Location(f"{self.text}{'' if self.text.endswith('://') else '/'}{name}")
        return Location(str(Path(self.text) / name))

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL of another file system."""
        return is_url(self.text)

    @property
    def path(self) -> Path:
        """The path of a local location; raises ValueError for a remote one."""
        if self.is_remote:
            raise ValueError(f"'{self.text}' is on another file system")
        return Path(self.text)

    @property
    def name(self) -> str:
        """The last component."""
        return self.text.rpartition("/")[2] if self.is_remote else Path(self.text).name

    @property
    def suffix(self) -> str:
        """The extension with its dot, such as ".jpg", or ""."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Location:
        """The parent folder."""
        if self.is_remote:
            return Location(self.text.rpartition("/")[0])
        return Location(str(Path(self.text).parent))


def is_url(text: str) -> bool:
    """Whether a text is a URL of another file system; file:// URLs are local."""
    return _URL.match(text) is not None and _LOCAL.match(text) is None
