"""A task of a batch: one photo and its output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..storage.location import Location


@dataclass(frozen=True)
class PhotoTask:
    """One photo: ``source`` is aged into ``target``, unless ``refusal`` says why it cannot be.

    ``name`` is the target's path relative to the output folder, "" if there is none. ``unasked`` files were
    found in a folder, not named by the user.
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
        """The task with absolute paths, for a process with another working folder."""
        source, target = (
            one if one.is_remote else Location.of(one.path.absolute()) for one in (self.source, self.target)
        )
        return replace(self, source=source, target=target)
