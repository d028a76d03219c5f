"""Names of result files: those of the photos, with another extension or a suffix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import UsageError
from ..photo.formats import FORMAT_OF_SUFFIX


@dataclass(frozen=True)
class Naming:
    """Converts a photo's name to that of its result.

    ``format`` is the extension of all results, such as "png" (None: the photo's own), which determines the
    format; ``suffix`` is inserted before the extension, such as "_70". Raises UsageError for an unsupported
    extension, and for a suffix with a path separator.
    """

    format: str | None = None
    suffix: str = ""

    def __post_init__(self) -> None:
        if self.format is not None and self._ending not in FORMAT_OF_SUFFIX:
            known = ", ".join(ending[1:] for ending in FORMAT_OF_SUFFIX)
            raise UsageError(f"{self.format!r} is no format that can be written: use one of {known}")
        if any(mark in self.suffix for mark in "/\\\0"):
            raise UsageError(
                f"the suffix {self.suffix!r} would lead into another folder: use no / or \\ in it"
            )

    @property
    def _ending(self) -> str:
        return "." + (self.format or "").lower().lstrip(".")

    def __call__(self, name: str) -> str:
        """The name of the result of the photo ``name``, a relative path with "/"."""
        folders, slash, last = name.rpartition("/")
        ending = PurePosixPath(last).suffix
        stem = last.removesuffix(ending) if ending else last
        return f"{folders}{slash}{stem}{self.suffix}{ending if self.format is None else self._ending}"


AS_IT_IS = Naming()
