"""One photo of a batch: where it is, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..storage.location import Location


@dataclass(frozen=True)
class PhotoTask:
    """One file to work on: ``source`` is aged into ``target``, unless ``refusal`` says why it cannot be.

    ``name`` is the target's place below the output folder, "" where there is none. ``unasked`` files only
    happened to be in a folder: they were not named.
    """

    source: Location
    target: Location
    name: str = ""
    refusal: str = ""
    unasked: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether the photo or its output is on another file system."""
        return self.source.is_remote or self.target.is_remote

    def absolute(self) -> PhotoTask:
        """The same task for a process with another working folder."""
        source, target = (
            one if one.is_remote else Location.of(one.path.absolute()) for one in (self.source, self.target)
        )
        return replace(self, source=source, target=target)
