"""JPEGs for the tests of decoders on a GPU, and such a decoder over a fake library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from amgan.runtime.photo.gpu_jpeg import GpuJpegs
from support.fake_nvimgcodec import FakeNvImageCodec
from support.helpers import HOPPER

SIZE = (333, 251)


def saved(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.open(HOPPER).convert(mode).resize(SIZE).save(path, "JPEG", **{"quality": 90, **options})
    return path


def stored(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def opened(library: FakeNvImageCodec) -> GpuJpegs:
    return GpuJpegs(1, lambda: library)
