"""The in-memory store of photos, limited in number, memory and time."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amgan.runtime.errors import UsageError

from .settings import ServeSettings

if TYPE_CHECKING:
    from amgan.runtime.photo.data import Photo
    from amgan.runtime.pipeline.face_region import FaceRegion
    from amgan.runtime.pipeline.seen_face import SeenFace


class PhotoGoneError(UsageError):
    """A photo is not in the store."""


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """A photo and all its faces, largest first; ``regions`` are cut for previews on demand."""

    id: str
    name: str
    photo: Photo
    seen: tuple[SeenFace, ...]
    upload_bytes: int
    regions: dict[tuple[int, int], FaceRegion] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> int:
        """Approximate memory in bytes: the file, its pixels, samples and alpha, faces and regions."""
        regions = list(self.regions.values())
        seen = (*self.seen, *(region.seen for region in regions))
        arrays = (self.photo.pixels, self.photo.samples, self.photo.alpha, *(cut.pixels for cut in regions))
        return self.upload_bytes + sum(one.nbytes for one in (*seen, *arrays) if one is not None)


class PhotoStore:
    """Stores photos and drops the least recently used ones first. Not thread-safe."""

    def __init__(self, settings: ServeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._photos: OrderedDict[str, tuple[StoredPhoto, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._photos)

    @property
    def memory_bytes(self) -> int:
        """Memory of all photos that are kept."""
        return sum(photo.memory_bytes for photo, _ in self._photos.values())

    def add(self, photo: StoredPhoto) -> None:
        """Store a photo; drops the least recently used ones if the limits are exceeded."""
        self.forget_old()
        self._photos[photo.id] = (photo, self._clock())
        while len(self._photos) > 1 and (
            len(self._photos) > self._settings.max_photos
            or self.memory_bytes > self._settings.max_photo_bytes
        ):
            self._photos.popitem(last=False)

    def get(self, photo_id: str) -> StoredPhoto:
        """The photo of an id, whose time of last use is updated; raises PhotoGoneError."""
        self.forget_old()
        if photo_id not in self._photos:
            minutes = self._settings.keep_s / 60
            raise PhotoGoneError(
                f"this photo is no longer kept (each stays {minutes:g} minutes after its last use, "
                f"{self._settings.max_photos} at most): send it again"
            )
        photo, _ = self._photos[photo_id]
        self._photos[photo_id] = (photo, self._clock())
        self._photos.move_to_end(photo_id)
        return photo

    def forget(self, photo_id: str) -> None:
        """Remove a photo if it is stored."""
        self._photos.pop(photo_id, None)

    def forget_old(self) -> None:
        """Remove expired photos."""
        end = self._clock() - self._settings.keep_s
        while self._photos and next(iter(self._photos.values()))[1] < end:
            self._photos.popitem(last=False)

    def clear(self) -> None:
        """Remove all."""
        self._photos.clear()


def new_id() -> str:
    """An unguessable id."""
    return secrets.token_urlsafe(18)
