"""JPEGs decoded on a GPU: as Pillow decodes them, or not at all. The GPU is a fake but in one test."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_nvimgcodec import FakeNvImageCodec, Picture
from support.helpers import HOPPER
from support.icc_profiles import display_p3
from support.jpegs_for_gpus import SIZE, opened, saved, stored
from support.photo_files import ICC, camera_data

from amgan.runtime.errors import MissingDependencyError, PhotoError
from amgan.runtime.photo.data import Decoded
from amgan.runtime.photo.gpu_codec import AT_ONCE, MOST_APART, gpu_of, load_nvimgcodec
from amgan.runtime.photo.gpu_jpeg import GpuJpegs, apart, made_jpegs
from amgan.runtime.photo.read import read_photo

TURNED_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="8" tiff:Make="x"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": 2, "icc_profile": ICC}, {"subsampling": 1, "comment": b"a comment"},
        {"subsampling": 0, "exif": camera_data()}, {"progressive": True, "dpi": (300, 300)},
        *({"exif": camera_data(orientation)} for orientation in range(2, 9)), {"xmp": TURNED_XMP},
        {"icc_profile": display_p3()}, {"icc_profile": display_p3(), "exif": camera_data(6)},
    ],
)  # fmt: skip
def test_a_photo_is_decoded_on_the_gpu(
    tmp_path: Path, options: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeNvImageCodec(apart=1)
    decoder = opened(library)
    assert library.opened == []
    path = saved(tmp_path / "a.jpg", **options)
    found, wanted = read_photo(path, decoder=decoder), read_photo(path)
    assert found.decoder is decoder and wanted.decoder is None
    codes = [photo.pixels if photo.samples is None else photo.samples for photo in (found, wanted)]
    assert np.abs(codes[0].astype(int) - codes[1]).max() == 1
    assert np.abs(found.pixels.astype(int) - wanted.pixels).max() <= 4
    assert found.pixels.flags.c_contiguous and found.pixels.flags.writeable
    for name in ("format", "mode", "alpha", "save_options", "stamp", "metadata"):
        assert getattr(found, name) == getattr(wanted, name)
    assert type(found.space) is type(wanted.space)
    assert found.strip_sums != wanted.strip_sums
    assert [one.gpu for one in library.opened] == [1]
    assert caplog.records == []
    decoder.close()
    assert all(one.closed for one in library.opened)


def cut_short(path: Path) -> Path:
    content = saved(path).read_bytes()
    path.write_bytes(content + b"\0")  # what is after the end is no picture, but no other end either
    return path


def of_rgb(path: Path) -> Path:
    return saved(path, keep_rgb=True)


def of_two_pictures(path: Path) -> Path:
    first, second = (Image.open(HOPPER).convert("RGB").resize(SIZE) for _ in range(2))
    first.save(path, "MPO", save_all=True, append_images=[second])
    return path


def of_rare_sampling(path: Path) -> Path:
    import cv2

    flags = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440]
    path.write_bytes(cv2.imencode(".jpg", stored(saved(path)), flags)[1].tobytes())
    return path


OTHERS: list[Callable[[Path], Path]] = [
    cut_short, of_rgb, of_two_pictures, of_rare_sampling,
    lambda path: saved(path, "L"), lambda path: saved(path, "CMYK"),
]  # fmt: skip


@pytest.mark.parametrize("make", OTHERS)
def test_photos_that_are_not_compared_with_pillow_are_left_to_it(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    library = FakeNvImageCodec(apart=1)
    path = make(tmp_path / "a.jpg")
    found, wanted = read_photo(path, decoder=opened(library)), read_photo(path)
    assert np.array_equal(found.pixels, wanted.pixels)
    assert found.decoder is None
    assert library.decoded == 0


def test_pngs_are_left_to_pillow(tmp_path: Path) -> None:
    library = FakeNvImageCodec()
    Image.open(HOPPER).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", decoder=opened(library)).decoder is None
    assert library.opened == []


def is_given_up(decoder: GpuJpegs, path: Path, caplog: pytest.LogCaptureFixture, why: str) -> None:
    for _ in range(2):
        photo = read_photo(path, decoder=decoder)
        assert photo.decoder is None
        assert np.array_equal(photo.pixels, stored(path))
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", f"JPEGs are decoded on the CPU: {why}")
    assert decoder.failed


def test_one_that_differs_is_given_up_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeNvImageCodec(apart=2)
    why = "it differs from Pillow by 2 code values"
    is_given_up(opened(library), saved(tmp_path / "a.jpg"), caplog, why)
    assert [one.closed for one in library.opened] == [True]


def test_one_that_decodes_no_picture_at_all_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeNvImageCodec()
    library.unknown.update(made_jpegs())
    why = "it differs from Pillow by inf code values"
    is_given_up(opened(library), saved(tmp_path / "a.jpg"), caplog, why)


@pytest.mark.parametrize("attribute", ["refused", "fault"])
def test_one_that_cannot_be_opened_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, attribute: str
) -> None:
    library = FakeNvImageCodec()
    setattr(library, attribute, RuntimeError("CUDA Runtime failure:\n'#35'"))
    is_given_up(opened(library), saved(tmp_path / "a.jpg"), caplog, "CUDA Runtime failure: '#35'")


def test_one_that_fails_later_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = FakeNvImageCodec()
    decoder, path = opened(library), saved(tmp_path / "a.jpg")
    assert read_photo(path, decoder=decoder).decoder is decoder
    library.fault = MemoryError()
    is_given_up(decoder, path, caplog, "MemoryError")
    assert library.decoded == len(list(made_jpegs())) + 1


def test_a_library_that_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nvidia.nvimgcodec", None)
    monkeypatch.setitem(sys.modules, "nvidia", None)
    why = "nvImageCodec is not installed: pip install 'amgan[nvjpeg]'"
    is_given_up(GpuJpegs(0), saved(tmp_path / "a.jpg"), caplog, why)


def test_a_library_that_cannot_load(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise OSError("libcudart.so.13: no such file")

    monkeypatch.setitem(sys.modules, "nvidia", Broken("nvidia"))
    with pytest.raises(MissingDependencyError, match=r"cannot load \(libcudart.so.13: no such file\): pip"):
        load_nvimgcodec()


def test_a_file_that_it_does_not_know_is_left_to_pillow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeNvImageCodec(apart=1)
    decoder = opened(library)
    path, other = saved(tmp_path / "a.jpg"), saved(tmp_path / "b.jpg", quality=80)
    library.unknown.add(path.read_bytes())
    assert np.array_equal(read_photo(path, decoder=decoder).pixels, stored(path))
    assert read_photo(other, decoder=decoder).decoder is decoder
    assert caplog.records == []


def test_a_very_large_file_is_left_to_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amgan.runtime.photo.gpu_jpeg.MOST_PIXELS", SIZE[0] * SIZE[1] - 1)
    assert read_photo(saved(tmp_path / "a.jpg"), decoder=opened(FakeNvImageCodec())).decoder is None


def test_a_damaged_file_is_refused_as_without_a_gpu(tmp_path: Path) -> None:
    content = saved(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(PhotoError, match="is damaged or cut short"):
        read_photo(tmp_path / "a.jpg", decoder=opened(FakeNvImageCodec()))


@pytest.mark.parametrize("strange", [np.zeros((251, 333), np.uint8), np.zeros((251, 333, 3), np.uint16)])
def test_a_picture_of_another_kind_is_not_taken(strange: np.ndarray) -> None:
    library = FakeNvImageCodec()
    decoder = opened(library)
    content = next(made_jpegs())
    assert decoder(content) is not None
    library.opened[0].decode = lambda content, params: Picture(strange)  # type: ignore[assignment, method-assign]
    assert decoder(content) is None


def test_a_picture_of_another_size_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, decoder = saved(tmp_path / "a.jpg"), opened(FakeNvImageCodec())
    monkeypatch.setattr(decoder, "decode", lambda content: Decoded(np.zeros((5, 5, 3), np.uint8)))
    photo = read_photo(path, decoder=decoder)
    assert photo.decoder is None
    assert np.array_equal(photo.pixels, stored(path))


def test_threads_have_decoders_of_their_own(tmp_path: Path) -> None:
    library = FakeNvImageCodec()
    decoder, content = opened(library), next(made_jpegs())
    assert decoder(content) is not None
    library.turns = threading.Barrier(AT_ONCE)  # so many must decode at the same time
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(decoder(content))) for _ in range(2 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 * AT_ONCE and all(one is not None for one in found)
    assert len(library.opened) == AT_ONCE
    decoder.close()
    assert all(one.closed for one in library.opened)


def test_the_first_gpu_of_the_generator_decodes() -> None:
    assert gpu_of("cpu") is None
    for device, number in (("cuda", 0), ("cuda:2", 2), ("cuda:3,cuda:1", 3), ("cuda:1, cuda:2", 1)):
        assert gpu_of(device) == number


def test_the_library_itself_decodes_as_pillow_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls are those of the real library; without a GPU it decodes by libjpeg-turbo."""
    real = pytest.importorskip("nvidia.nvimgcodec")

    class OnTheCpu:
        GPU_ONLY = HYBRID_CPU_GPU = real.CPU_ONLY

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    decoder = GpuJpegs(real.NVIMGCODEC_DEVICE_CPU_ONLY, OnTheCpu)
    for content in made_jpegs():
        with Image.open(io.BytesIO(content)) as picture:
            found = decoder(content)
            assert found is not None and np.array_equal(found, np.asarray(picture))
    assert decoder(b"no picture") is None
    assert not decoder.failed
    decoder.close()


def test_made_pictures_show_wrong_upsampling_and_cut_off_edges() -> None:
    def by_pillow(content: bytes) -> np.ndarray:
        return np.array(Image.open(io.BytesIO(content)))

    def plainly(content: bytes) -> np.ndarray:
        """Chroma repeated, not interpolated, as nvJPEG does by default."""
        picture = Image.open(io.BytesIO(content))
        picture.draft("YCbCr", picture.size)
        codes = np.array(picture)
        even = codes[::2, ::2, 1:].repeat(2, 0).repeat(2, 1)[: codes.shape[0], : codes.shape[1]]
        codes[..., 1:] = even
        return np.asarray(Image.fromarray(codes, "YCbCr").convert("RGB"))

    assert apart(by_pillow) == 0
    assert apart(plainly) > 10
    assert apart(lambda content: by_pillow(content)[:-1]) == float("inf")
    assert MOST_APART == 1
