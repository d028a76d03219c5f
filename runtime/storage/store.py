"""What can be done with files, wherever they are: one interface, with a back end for each kind of place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .location import Location


@dataclass(frozen=True)
class Facts:
    """What a store says of a file: ``size`` in bytes, and what changes with its content where it tells that.

    ``mtime_ns`` is 0, and ``tag`` is "", where the store has none.
    """

    size: int
    tag: str = ""
    mtime_ns: int = 0


@dataclass(frozen=True)
class Listed:
    """A file that was found: where it is, and its ``name`` below the place that was looked through.

    ``refusal`` says why it cannot be opened, "" where it can; ``unasked``: that very file was not asked for.
    """

    location: Location
    name: str
    refusal: str = ""
    unasked: bool = False


class Store(ABC):
    """Files of one kind of place.

    Every method raises PhotoError where the store refuses, UsageError for a name that means nothing to it,
    and MissingDependencyError where a package is not installed; those of this machine's files raise OSError.
    """

    @abstractmethod
    def identity(self, location: Location) -> str:
        """What two names of one place have in common, links followed; what lies below begins with it."""

    @abstractmethod
    def is_file(self, location: Location) -> bool:
        """Whether there is a file."""

    @abstractmethod
    def is_folder(self, location: Location) -> bool:
        """Whether there is a folder; in an object store, whether anything lies below that name."""

    @abstractmethod
    def exists(self, location: Location) -> bool:
        """Whether there is anything of that name."""

    @abstractmethod
    def facts(self, location: Location) -> Facts | None:
        """What the store says of a file now; None where there is none."""

    @abstractmethod
    def sha256(self, location: Location) -> str:
        """SHA-256 of a file's content, in lower-case hex."""

    @abstractmethod
    def remove(self, location: Location) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def walk(self, folder: Location, without: str = "") -> Iterator[Listed]:
        """All files below a folder, hidden ones left out, and the folder whose identity is ``without``."""

    @abstractmethod
    def find(self, pattern: Location, without: str = "") -> Iterator[Listed]:
        """The files that a pattern such as photos/**/*.jpg finds, and those of the folders that it finds.

        Their names are below the pattern's part without wildcards. What lies in the folder whose identity is
        ``without`` is left out. Raises UsageError where nothing matches.
        """

    @abstractmethod
    def remove_leftovers(self, root: Location, folders: Iterable[Location]) -> int:
        """Remove what killed writers left half-written in ``folders``, all below ``root``; how many files."""
