"""The JSON bodies of requests; the fields are those of the runtime's Request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from amgan.runtime.ages.atlas import atlas_names
from amgan.runtime.ages.request import Request
from amgan.runtime.errors import UsageError

from .memory_file import MemoryFile

_PNG = b"\x89PNG"
_IN_OTHER_FORM = frozenset({"age", "zones", "map"})
Years = Annotated[str | float, Field(description='Years such as 70, or a change such as "+20" or "-10".')]


class AgingOptions(BaseModel):
    """Ages, zones, map, strength and faces, as in `amgan age`."""

    model_config = ConfigDict(extra="forbid")

    age: Years | None = Field(default=None, description="Age of the whole face; null for no change.")
    zones: Mapping[str, Years] = Field(
        default_factory=dict, description="Ages of zones or parts by name; the last one wins."
    )
    map: str | None = Field(
        default=None,
        description="Map of wanted ages instead of age and zones: a .png or .npy file in base64.",
    )
    strength: float = Field(default=1.0, description="Share of the change to apply, 0 to 1.")
    faces: str | int = Field(default="all", description='"all", "largest" or the number of largest faces.')
    population: str | None = Field(
        default=None, description="Name of a shipped atlas to which the ages refer."
    )
    min_face_px: float | None = Field(
        default=None, description="Minimum width of faces; null derives it from the photo."
    )
    include_children: bool = Field(
        default=False, description="Also age faces that look like those of children, or drawn."
    )
    pattern: int | None = Field(
        default=None, description="Number of the pattern of lines and folds; null: by the face's proportions."
    )
    lines: float = Field(
        default=1.0,
        description="How strong new lines are: 1 suits each skin, 0 leaves them out, 1.5 at most.",
    )
    hair: bool = Field(
        default=True,
        description="Also grey the hair of faces that get older, and colour grey hair of younger ones.",
    )
    shape: bool = Field(default=True, description="Also change the shape of faces with age.")
    features: bool = Field(default=True, description="Also change eyes, lips and teeth with age.")
    neck: bool = Field(default=True, description="Also age the necks of faces that get older.")

    @property
    def asks(self) -> bool:
        """Whether an age, a zone or a map is given."""
        return self.age is not None or bool(self.zones) or self.map is not None

    def request(self) -> Request:
        """The runtime's Request; raises UsageError for invalid values."""
        if self.population is not None and self.population not in atlas_names():
            shipped = ", ".join(atlas_names())
            raise UsageError(f"there is no population {self.population!r}: name a shipped atlas ({shipped})")
        return Request.parse(
            None if self.age is None else _words(self.age),
            [f"{name}={_words(years)}" for name, years in self.zones.items()],
            map_file=None if self.map is None else map_upload(_decoded(self.map)),
            **{name: getattr(self, name) for name in AgingOptions.model_fields if name not in _IN_OTHER_FORM},
        )


class RegionOptions(BaseModel):
    """A part of the picture that shows one face."""

    model_config = ConfigDict(extra="forbid")

    face: int = Field(default=1, ge=1, description="Number of the face, from 1, the largest.")
    max_frame_px: int | None = Field(default=None, ge=64, le=4096,
        description="Maximum side of the frame in px, for a quick preview; "
        "null computes the face as in the whole photo.",
    )  # fmt: skip
    lossless: bool = Field(default=False, description="Encode a WebP losslessly; a PNG always is.")


FileFormat = Literal["same", "jpeg", "png", "tiff", "webp", "bmp", "avif", "heic"]


class AgeOptions(AgingOptions):
    """The body of `POST …/age`."""

    format: FileFormat = Field(default="same", description="Format of the file; a region is a PNG or WebP.")
    region: RegionOptions | None = Field(
        default=None, description="Return one face only, the rest transparent."
    )
    metadata: Literal["keep", "strip-gps", "strip"] = Field(
        default="keep", description="Metadata to keep in the file: EXIF, XMP and texts."
    )


class SweepOptions(AgingOptions):
    """The body of `POST …/sweep`."""

    ages: str = Field(
        default="20:80:5", description="Ages to show: a range FROM:TO:STEP, or a list such as 25,40."
    )
    region: RegionOptions = Field(default_factory=RegionOptions, description="The face to show.")


def map_upload(content: bytes) -> MemoryFile:
    """An uploaded map as a file in memory with the extension of its format."""
    return MemoryFile.of(content, "map.png" if content.startswith(_PNG) else "map.npy")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise UsageError("the map is not in base64: encode the bytes of its .png or .npy file") from error


def _words(years: str | float) -> str:
    return years if isinstance(years, str) else f"{years:.10g}"
