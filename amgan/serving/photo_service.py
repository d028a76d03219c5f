"""The operations of the API on photos, on the server's pipeline: read, age, preview, map and sweep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import build_age_field
from amgan.runtime.ages.plan import wanted_age_field
from amgan.runtime.ages.request import AgeSpec, Request
from amgan.runtime.errors import UsageError
from amgan.runtime.face.region_masks import without_margin
from amgan.runtime.photo.formats import FORMAT_OF_SUFFIX
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import check_target, encode_photo
from amgan.runtime.pipeline.face_filter import NoFaceError, why_none
from amgan.runtime.pipeline.sweep import parse_ages

from .memory_file import MemoryFile, clean_name
from .photo_store import PhotoStore, StoredPhoto, new_id
from .pictures import RegionPicture, box_of, changed_pixels, encode_change
from .request_options import AgeOptions, RegionOptions, SweepOptions
from .settings import ServeSettings
from .work import WorkDesk

if TYPE_CHECKING:
    from amgan.runtime import Pipeline
    from amgan.runtime.pipeline.face_filter import Chosen, LeftFace
    from amgan.runtime.pipeline.results import StartedPhoto
    from amgan.runtime.pipeline.seen_face import SeenFace

    from .pictures import RegionFormat

SUFFIXES = {
    "jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp", "bmp": ".bmp", "avif": ".avif",
    "heic": ".heic", "heif": ".heic",
}  # fmt: skip
_SMALLEST_CHANGE_YEARS = 1e-4


@dataclass(frozen=True, eq=False)
class _Subject:
    """Pixels with one face, and their position and scale in the photo."""

    pixels: NDArray[np.uint8]
    seen: SeenFace
    to_photo: tuple[float, float, float]

    def box(self, x0: int, y0: int, x1: int, y1: int) -> tuple[float, float, float, float]:
        left, top, scale = self.to_photo
        return (left + x0 / scale, top + y0 / scale, left + x1 / scale, top + y1 / scale)


class PhotoService:
    """The layer between routes and pipeline; coroutines of one event loop."""

    def __init__(
        self, pipeline: Pipeline, settings: ServeSettings, store: PhotoStore, desk: WorkDesk
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._store = store
        self._desk = desk

    async def add(self, content: bytes | bytearray, name: str) -> tuple[StoredPhoto, tuple[LeftFace, ...]]:
        """Read a photo, find its faces and keep it.

        Raises PhotoError and NoFaceError as the command line does.
        """
        stored = await self._desk.run(self._read, content, clean_name(name))
        self._store.add(stored)
        return stored, self.left(stored)

    def left(self, stored: StoredPhoto) -> tuple[LeftFace, ...]:
        """The faces of a photo that would not be aged in a request for all."""
        return self._pipeline.choose_seen(stored.seen, Request()).left

    def _read(self, content: bytes | bytearray, name: str) -> StoredPhoto:
        photo = read_photo(MemoryFile.of(content, name))
        seen = tuple(self._pipeline.see(photo.pixels))
        if not seen:
            chosen = self._pipeline.choose(photo.pixels, Request())
            raise NoFaceError(f"'{name}': {why_none(chosen.left, chosen.found)}", chosen.left, chosen.found)
        if Path(name).suffix.lower() not in FORMAT_OF_SUFFIX:
            name += SUFFIXES[photo.format.lower()]
        return StoredPhoto(new_id(), name, photo, seen, len(content))

    async def age(self, stored: StoredPhoto, options: AgeOptions) -> tuple[bytes | memoryview, str]:
        """The aged photo as a file, and its name: byte for byte the result of `amgan age`."""
        request = options.request()
        if request.min_face_px is None:
            chosen = self._chosen(stored, request)
        else:  # smaller ones than those that are known may be there
            found = await self._desk.run(self._pipeline.choose, stored.photo.pixels, request)
            chosen = self._some(stored, found)
        suffix = self._suffix(stored, options.format)
        photo = stored.photo
        if options.metadata != "keep":
            photo = await self._desk.run(read_photo, stored.photo.path, options.metadata)
        name = f"{Path(stored.name).stem}_aged{suffix}"
        check_target(photo, name)
        label = f"'{stored.name}'"
        aged = await self._desk.age(
            self._pipeline, lambda: self._pipeline.start(photo.pixels, request, label, chosen)
        )
        return await self._desk.run(encode_photo, photo, aged.pixels, name), name

    async def region(
        self, stored: StoredPhoto, options: AgeOptions, region: RegionOptions
    ) -> RegionPicture | None:
        """One aged face of a photo, or None if the request does not change it."""
        if options.format not in ("same", "png", "webp"):
            raise UsageError(f"a region cannot be a {options.format}: ask for png or webp")
        return await self._region(
            stored, options.request(), region, "png" if options.format != "webp" else "webp"
        )

    async def _region(
        self, stored: StoredPhoto, request: Request, region: RegionOptions, kind: Literal["png", "webp"]
    ) -> RegionPicture | None:
        face = self._face(stored, region.face)
        if face not in self._chosen(stored, request):
            return None
        subject = await self._desk.run(self._subject, stored, region)
        started: list[StartedPhoto] = []

        def start() -> StartedPhoto:
            started.append(self._pipeline.start(subject.pixels, request, f"'{stored.name}'", [subject.seen]))
            return started[0]

        aged = await self._desk.age(self._pipeline, start)
        form: RegionFormat = "lossless webp" if kind == "webp" and region.lossless else kind
        return await self._desk.run(_encode_region, subject, aged.pixels, form)

    def _subject(self, stored: StoredPhoto, region: RegionOptions) -> _Subject:
        seen = self._face(stored, region.face)
        if region.max_frame_px is None or region.max_frame_px >= seen.frame_px:
            return _Subject(stored.photo.pixels, seen, (0, 0, 1))
        key = (region.face, region.max_frame_px // 64)
        cut = stored.regions.get(key)
        if cut is None:
            cut = self._pipeline.cut_region(stored.photo.pixels, seen, region.max_frame_px)
            stored.regions[key] = cut
        return _Subject(cut.pixels, cut.seen, (cut.left, cut.top, cut.scale))

    async def age_field(
        self, stored: StoredPhoto, options: AgeOptions, face: int, what: str
    ) -> NDArray[np.float32]:
        """The age field of a face in years, float32 [128, 128] over its canonical frame.

        "now" are the present ages, "wanted" the requested ones, with 0 for no change.
        """
        seen = self._face(stored, face)
        request = options.request() if options.asks else None
        if request is not None:
            request.check(self._pipeline.manifest.age_range)
        return await self._desk.run(self._age_field, seen, request if what == "wanted" else None, what)

    def _age_field(self, seen: SeenFace, request: Request | None, what: str) -> NDArray[np.float32]:
        masks = without_margin(seen.masks, seen.margin)
        now = build_age_field(masks, seen.now)
        if what == "now":
            return now
        if request is None:
            return np.zeros_like(now)
        _, age_field = wanted_age_field(request, seen.now, masks, 0, self._pipeline.manifest.age_range)
        return np.where(np.abs(age_field - now) < _SMALLEST_CHANGE_YEARS, np.float32(0), age_field)

    async def sweep(
        self, stored: StoredPhoto, options: SweepOptions
    ) -> AsyncIterator[tuple[float, RegionPicture | None]]:
        """One face of a photo at every age in order, as regions."""
        if options.map is not None or options.age is not None:
            raise UsageError("a sweep says the ages itself: leave age and map out")
        ages = parse_ages(options.ages)
        requests = [_at(options, years) for years in ages]
        for one in requests:
            one.check(self._pipeline.manifest.age_range)
        self._face(stored, options.region.face)

        async def frames() -> AsyncIterator[tuple[float, RegionPicture | None]]:
            for years, one in zip(ages, requests, strict=True):
                yield years, await self._region(stored, one, options.region, "webp")

        return frames()

    def _chosen(self, stored: StoredPhoto, request: Request) -> tuple[SeenFace, ...]:
        return self._some(stored, self._pipeline.choose_seen(stored.seen, request))

    @staticmethod
    def _some(stored: StoredPhoto, chosen: Chosen) -> tuple[SeenFace, ...]:
        if not chosen.taken:
            sentence = f"'{stored.name}': {why_none(chosen.left, chosen.found)}"
            raise NoFaceError(sentence, chosen.left, chosen.found)
        return chosen.taken

    def _face(self, stored: StoredPhoto, number: int) -> SeenFace:
        if not 1 <= number <= len(stored.seen):
            raise UsageError(f"'{stored.name}' has no face {number}: it has {len(stored.seen)}")
        return stored.seen[number - 1]

    @staticmethod
    def _suffix(stored: StoredPhoto, format: str) -> str:
        return Path(stored.name).suffix if format == "same" else SUFFIXES[format]


def _encode_region(subject: _Subject, aged: NDArray[np.uint8], form: RegionFormat) -> RegionPicture | None:
    changed = changed_pixels(subject.pixels, aged)
    box = box_of(changed)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    where = (slice(y0, y1), slice(x0, x1))
    content = encode_change(aged[where], changed[where], form)
    return RegionPicture(content, f"image/{form.split()[-1]}", subject.box(*box))


def _at(options: SweepOptions, years: float) -> Request:
    """The request with one age for its zones, or for the whole face."""
    age = AgeSpec(years, relative=False)
    words = str(age)
    named = options.zones
    at = {"age": None, "zones": dict.fromkeys(named, words)} if named else {"age": words, "zones": {}}
    return options.model_copy(update=at).request()
