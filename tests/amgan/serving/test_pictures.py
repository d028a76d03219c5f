"""What of two pictures differs, and how it is sent."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from amgan.serving.photo_store import StoredPhoto
from amgan.serving.pictures import box_of, changed_pixels, encode_change


def test_only_what_changed_is_sent() -> None:
    before = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    after = before.copy()
    after[10, 20, 0] += 1
    after[30, 7, 2] += 1
    changed = changed_pixels(before, after)
    assert sorted(zip(*np.nonzero(changed), strict=True)) == [(10, 20), (30, 7)]
    assert box_of(changed) == (7, 10, 21, 31)
    assert box_of(changed_pixels(before, before)) is None
    for form in ("png", "lossless webp"):
        sent = np.asarray(Image.open(io.BytesIO(encode_change(after, changed, form))).convert("RGBA"))  # type: ignore[arg-type]
        assert (sent[..., 3] == 255 * changed).all()
        assert (sent[changed][:, :3] == after[changed]).all()


def test_regions_count_as_memory_of_their_photo() -> None:
    class Pixels:
        pixels = np.zeros((4, 5, 3), np.uint8)
        samples = alpha = None

    stored = StoredPhoto("a", "a", Pixels(), (), 7)  # type: ignore[arg-type]
    assert stored.memory_bytes == 67
    region = Pixels()
    region.seen = SimpleNamespace(nbytes=5)  # type: ignore[attr-defined]
    stored.regions[1, 4] = region  # type: ignore[assignment]
    assert stored.memory_bytes == 132
