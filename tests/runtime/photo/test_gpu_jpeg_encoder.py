"""JPEGs encoded on a GPU: as well as by Pillow, or not at all. The GPU is a fake but in one test."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_nvimgcodec import FakeNvImageCodec
from support.helpers import HOPPER
from support.icc_profiles import display_p3
from support.photo_files import ICC, camera_data

from amgan.runtime.errors import EngineError
from amgan.runtime.photo.gpu_codec import SAMPLINGS, made_picture
from amgan.runtime.photo.gpu_jpeg_encoder import QUALITIES, GpuJpegEncoder
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

PROBES = len(SAMPLINGS) * len(QUALITIES)


def opened(library: FakeNvImageCodec) -> GpuJpegEncoder:
    return GpuJpegEncoder(1, lambda: library)


def saved(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.open(HOPPER).convert(mode).save(path, **options)
    return path


def written(source: Path, folder: Path, encoder: Any, quality: int | None) -> Path:
    """A photo that got darker, as a JPEG."""
    photo = read_photo(source)
    target = folder / ("b.jpg" if encoder is None else "c.jpg")
    write_photo(photo, photo.pixels // 2, target, quality=quality, encoder=encoder)
    return target


SOURCES: list[tuple[str, int | None, dict[str, object]]] = [
    ("a.png", None, {"icc_profile": ICC, "dpi": (300, 300)}), ("a.png", 80, {"exif": camera_data()}),
    ("a.jpg", 80, {"subsampling": 2, "comment": b"a comment", "exif": camera_data(6)}),
    ("a.jpg", 95, {"subsampling": 1, "icc_profile": ICC}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "quality", "options"), SOURCES)
def test_a_whole_jpeg_is_encoded_on_the_gpu_with_the_same_metadata(
    tmp_path: Path,
    name: str,
    quality: int | None,
    options: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    library = FakeNvImageCodec()
    encoder, source = opened(library), saved(tmp_path / name, **options)
    paths = [written(source, tmp_path, one, quality) for one in (None, encoder)]
    assert library.encoded == PROBES + 1
    wanted, found = (read_photo(path) for path in paths)
    assert np.array_equal(wanted.pixels, found.pixels)
    assert wanted.save_options == found.save_options
    assert [one.gpu for one in library.encoders] == [1]
    assert caplog.records == []
    encoder.close()
    assert library.encoders[0].closed


OTHERS: list[tuple[str, str, int | None, dict[str, object]]] = [
    ("a.jpg", "RGB", None, {}), ("a.jpg", "RGB", 80, {"progressive": True}), ("a.png", "L", 80, {}),
    ("a.jpg", "CMYK", 80, {}), ("a.png", "RGB", 80, {"icc_profile": display_p3()}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mode", "quality", "options"), OTHERS)
def test_others_are_left_to_pillow(
    tmp_path: Path, name: str, mode: str, quality: int | None, options: dict[str, object]
) -> None:
    """Blocks that are kept, tables of their own, progressive scans, and samples that are no sRGB."""
    library = FakeNvImageCodec()
    source = saved(tmp_path / name, mode, **options)
    paths = [written(source, tmp_path, one, quality) for one in (None, opened(library))]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert library.encoded == 0


def test_tables_of_a_jpeg_that_cannot_be_kept_are_left_to_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amgan.runtime.photo.write.changed_jpeg", lambda *_: None)
    library = FakeNvImageCodec()
    source = saved(tmp_path / "a.jpg", quality=71)
    paths = [written(source, tmp_path, one, None) for one in (None, opened(library))]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert library.encoded == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"apart": 3}, "its error is [0-9]+ code values instead of [0-9]+ at quality 95"),
        ({"other_quality": -2}, "its files have other tables than Pillow's at quality 95"),
        ({"encodes": False}, "it encodes nothing at quality 95"),
        ({"fault": RuntimeError("the GPU is ill")}, "the GPU is ill"),
        ({"refused": RuntimeError("no GPU")}, "no GPU"),
    ],
)
def test_one_that_differs_or_fails_is_given_up_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, Any], why: str
) -> None:
    library = FakeNvImageCodec()
    for name, value in change.items():
        setattr(library, name, value)
    encoder, source = opened(library), saved(tmp_path / "a.png")
    wanted = written(source, tmp_path, None, 80)
    for _ in range(2):
        assert written(source, tmp_path, encoder, 80).read_bytes() == wanted.read_bytes()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    said, _, reason = record.getMessage().partition(": ")
    assert said == "JPEGs are encoded on the CPU"
    assert re.fullmatch(why, reason)
    assert encoder.failed and all(one.closed for one in library.encoders)


def test_one_that_fails_later_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = FakeNvImageCodec()
    encoder, source = opened(library), saved(tmp_path / "a.png")
    wanted = written(source, tmp_path, None, 80).read_bytes()
    written(source, tmp_path, encoder, 80)
    library.encodes = False
    assert written(source, tmp_path, encoder, 80).read_bytes() == wanted
    assert caplog.records == []
    library.fault = RuntimeError("the GPU is ill")
    assert written(source, tmp_path, encoder, 80).read_bytes() == wanted
    assert "JPEGs are encoded on the CPU: the GPU is ill" in caplog.text


def test_a_sampling_that_it_does_not_have() -> None:
    library = FakeNvImageCodec()
    assert opened(library)(np.zeros((8, 8, 3), np.uint8), 90, -1) is None
    assert library.encoders == []


def test_the_library_itself_encodes_as_pillow_on_the_cpu(tmp_path: Path) -> None:
    """The calls are those of the real library; without a GPU it encodes by libjpeg-turbo."""
    real = pytest.importorskip("nvidia.nvimgcodec")

    class OnTheCpu:
        GPU_ONLY = HYBRID_CPU_GPU = real.CPU_ONLY

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    encoder = GpuJpegEncoder(real.NVIMGCODEC_DEVICE_CPU_ONLY, OnTheCpu)
    samples = np.array(made_picture())
    content = encoder(samples[:, ::-1], 90, 2)
    assert content is not None and not encoder.failed
    (tmp_path / "a.jpg").write_bytes(content)
    Image.fromarray(samples[:, ::-1].copy()).save(tmp_path / "b.jpg", quality=90, subsampling=2)
    found, wanted = (np.asarray(Image.open(tmp_path / name)) for name in ("a.jpg", "b.jpg"))
    assert np.array_equal(found, wanted)
    encoder.close()


class Elsewhere:
    """Photos that are on the GPU, and whose changed copies cannot be made."""

    def keep(self, pixels: np.ndarray, decoded: object, orientation: int = 1) -> None:
        raise AssertionError("nothing is decoded here")

    @contextlib.contextmanager
    def changed(self, before: np.ndarray | None, after: np.ndarray) -> Iterator[object | None]:
        raise EngineError("the GPU has no memory left")
        yield None


def test_a_photo_whose_copy_fails_is_uploaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = FakeNvImageCodec()
    encoder = GpuJpegEncoder(0, lambda: library, Elsewhere())
    samples = np.array(made_picture())
    assert encoder(samples, 80, 2, samples) == opened(library)(samples, 80, 2)
    (record,) = caplog.records
    assert record.message == ("a photo is uploaded as a whole to be encoded: the GPU has no memory left")
    assert not encoder.failed
