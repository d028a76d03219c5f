"""Photos that stay on the GPU: which they are, for how long, and turned upright without a copy."""

from __future__ import annotations

import gc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.fake_cuda import FakeCuda
from support.fake_nvimgcodec import FakeNvImageCodec
from support.icc_profiles import display_p3
from support.jpegs_for_gpus import saved
from support.pixel_kernels_twin import picture_at

from amgan.runtime.engines.cuda.picture import GpuPicture, picture_of
from amgan.runtime.engines.cuda.resident import ResidentPhotos
from amgan.runtime.photo.gpu_jpeg import GpuJpegs
from amgan.runtime.photo.read import read_photo


def kept(residents: ResidentPhotos, size: int = 10) -> np.ndarray:
    pixels = np.zeros((size, size, 3), np.uint8)
    residents.keep(pixels, GpuPicture(1000, size, size, 3, 3 * size))
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_read_where_it_is(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path, cuda, residents = saved(tmp_path / "a.jpg", exif=exif), FakeCuda(), ResidentPhotos()
    decoder = GpuJpegs(0, lambda: FakeNvImageCodec(cuda=cuda, padding=5), residents)
    photo = read_photo(path, decoder=decoder)
    assert np.array_equal(photo.pixels, read_photo(path).pixels)
    picture = residents.find(photo.pixels)
    assert picture is not None
    x0, y0, x1, y1 = 20, 30, 170, 111
    for part, wanted in (
        (picture, photo.pixels), (picture.part(x0, y0, x1, y1), photo.pixels[y0:y1, x0:x1]),
    ):  # fmt: skip
        found = picture_at(cuda.view, part.address, part.across, part.down, (part.height, part.width))
        assert np.array_equal(found, wanted)
    assert picture.has_plain_rows == (orientation == 1)
    assert cuda.broken == []


def test_a_photo_leaves_the_gpu_with_its_pixels(tmp_path: Path) -> None:
    cuda, residents = FakeCuda(), ResidentPhotos()
    decoder = GpuJpegs(0, lambda: FakeNvImageCodec(cuda=cuda), residents)
    photo = read_photo(saved(tmp_path / "a.jpg"), decoder=decoder)
    assert len(cuda.leaks) == 1
    del photo
    gc.collect()
    assert cuda.leaks == []


def test_a_photo_in_another_colour_space_is_not_kept(tmp_path: Path) -> None:
    cuda, residents = FakeCuda(), ResidentPhotos()
    decoder = GpuJpegs(0, lambda: FakeNvImageCodec(cuda=cuda), residents)
    wide = read_photo(saved(tmp_path / "a.jpg", icc_profile=display_p3()), decoder=decoder)
    assert wide.samples is not None
    assert residents.find(wide.pixels) is None
    assert cuda.leaks == []


def test_pixels_on_the_gpu_cannot_be_changed_unnoticed() -> None:
    residents = ResidentPhotos()
    pixels = kept(residents)
    assert residents.find(pixels) is not None
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1
    pixels.flags.writeable = True
    assert residents.find(pixels) is None
    assert residents.find(np.zeros_like(pixels)) is None
    assert residents.find(None) is None


def test_new_photos_take_the_place_of_old_ones() -> None:
    residents = ResidentPhotos(budget=700)
    first, second = kept(residents), kept(residents)
    assert residents.find(first) is not None
    third = kept(residents)
    assert residents.find(first) is None
    assert residents.find(second) is not None
    assert residents.find(third) is not None
    assert residents.find(kept(residents, 16)) is None  # larger than all places
    assert residents.find(third) is not None
    residents.close()
    assert residents.find(third) is None


def test_pixels_of_another_shape_are_not_kept() -> None:
    residents = ResidentPhotos()
    pixels = np.zeros((5, 4, 3), np.uint8)
    residents.keep(pixels, GpuPicture(1000, 5, 4, 3, 15))
    assert residents.find(pixels) is None
    assert pixels.flags.writeable


OFFERED = {"shape": (4, 5, 3), "strides": None, "typestr": "|u1", "data": (1000, False)}


def test_a_picture_without_strides_is_contiguous() -> None:
    found = picture_of(SimpleNamespace(__cuda_array_interface__=OFFERED))
    assert found is not None
    assert (found.width, found.height, found.across, found.down, found.nbytes) == (5, 4, 3, 15, 60)
    assert found.__cuda_array_interface__["strides"] == (15, 3, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (4, 5)}, {"shape": (3, 4, 5)}, {"typestr": "<u2"}, {"strides": (15, 3, 2)},
        {"data": (0, False)},
    ],
)  # fmt: skip
def test_no_other_picture_is_taken(other: dict[str, object]) -> None:
    assert picture_of(SimpleNamespace(__cuda_array_interface__={**OFFERED, **other})) is None


def test_a_picture_in_the_memory_of_the_cpu_is_not_taken() -> None:
    class OnTheCpu:
        @property
        def __cuda_array_interface__(self) -> dict[str, object]:
            raise RuntimeError("not on a GPU")

    assert picture_of(OnTheCpu()) is None
    assert picture_of(object()) is None
