"""The interface to files, with a local and a remote back end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .location import Location


@dataclass(frozen=True)
class Facts:
    """Facts on a file: ``size`` in bytes, and values that change with its content.

    ``mtime_ns`` is the modification time in ns and ``tag`` the store's version tag; 0 and "" if the store has
    none.
    """

    size: int
    tag: str = ""
    mtime_ns: int = 0


@dataclass(frozen=True)
class Listed:
    """A file that was found, and its ``name`` relative to the searched folder, with "/" between components.

    ``refusal`` says why it cannot be processed ("" if it can); ``unasked`` files were not named by the user.
    """

    location: Location
    name: str
    refusal: str = ""
    unasked: bool = False


class Store(ABC):
    """An interface to files.

    Remote stores raise PhotoError if the store refuses, UsageError for an invalid name, and
    MissingDependencyError if a package is not installed. The local store raises OSError.
    """

    @abstractmethod
    def identity(self, location: Location) -> str:
        """A canonical name, equal for all names of one file; the start of the identities of files in it."""

    @abstractmethod
    def is_file(self, location: Location) -> bool:
        """Whether the location is a file."""

    @abstractmethod
    def is_folder(self, location: Location) -> bool:
        """Whether the location is a folder or, in an object store, a prefix of any object."""

    @abstractmethod
    def exists(self, location: Location) -> bool:
        """Whether the location exists."""

    @abstractmethod
    def facts(self, location: Location) -> Facts | None:
        """Current facts on a file; None if it does not exist."""

    @abstractmethod
    def sha256(self, location: Location) -> str:
        """SHA-256 of a file's content, in lower-case hex."""

    @abstractmethod
    def remove(self, location: Location) -> None:
        """Remove a file if it exists."""

    @abstractmethod
    def walk(self, folder: Location, without: str = "") -> Iterator[Listed]:
        """All files below a folder, except hidden ones and those below the folder of identity ``without``."""

    @abstractmethod
    def find(self, pattern: Location, without: str = "") -> Iterator[Listed]:
        """The files that match a pattern such as photos/**/*.jpg, and the files of matching folders.

        Names are relative to the part of the pattern without wildcards. Files in the folder of the identity
        ``without`` are left out. Raises UsageError if nothing matches.
        """

    @abstractmethod
    def remove_leftovers(self, root: Location, folders: Iterable[Location]) -> int:
        """Remove temporary files of killed processes in ``folders`` below ``root``; returns their number."""
