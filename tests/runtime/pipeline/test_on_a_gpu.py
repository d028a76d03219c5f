"""Photos of a pipeline whose GPU decodes, samples and pastes: as on the CPU. The GPU is a fake."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_cuda import FakeCuda
from support.fake_nvimgcodec import FakeNvImageCodec
from support.helpers import COLLINS
from support.host_kernels import HostPixels, host_pixels

from amgan.runtime import Pipeline, Request
from amgan.runtime.engines.cuda.copies import GpuCopies, changed_areas
from amgan.runtime.engines.cuda.pixels import ALIGNMENT, PixelKernels
from amgan.runtime.engines.cuda.resident import ResidentPhotos
from amgan.runtime.face import extensions
from amgan.runtime.face.gpu_pixels import GpuPixels
from amgan.runtime.face.pixels import CPU_PIXELS
from amgan.runtime.photo.gpu_jpeg import GpuJpegs
from amgan.runtime.photo.gpu_jpeg_encoder import GpuJpegEncoder
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.face_plan import paste_face

OLD = Request.parse("70")
SKIN = Request.parse("70", shape=False, hair=False, neck=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    Image.open(COLLINS).convert("RGB").save(path, quality=92)
    return path


def stored(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_file_is_that_of_the_cpu(
    pipeline: Pipeline, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    wanted = tmp_path / "cpu.jpg"
    pipeline.age_file(photo, wanted, OLD)
    on_the_host: HostPixels = host_pixels(tmp_path)
    used: list[str] = []
    for name in ("warp", "paste"):
        function = getattr(on_the_host, name)
        counted = lambda *given, name=name, function=function: (used.append(name), function(*given))  # noqa: E731
        monkeypatch.setattr(on_the_host, name, counted)
    pixels = GpuPixels("cuda:0", lambda device: on_the_host)  # type: ignore[arg-type, return-value]
    library = FakeNvImageCodec()
    monkeypatch.setattr(pipeline, "_pixels", pixels)
    monkeypatch.setattr(pipeline, "jpeg_decoder", GpuJpegs(0, lambda: library))
    found = tmp_path / "gpu.jpg"
    pipeline.age_file(photo, found, OLD)
    assert used == 2 * ["warp", "paste"]  # of the comparison, and of the photo
    if extensions.paste() is not None:
        assert found.read_bytes() == wanted.read_bytes()
    assert np.abs(stored(found).astype(int) - stored(wanted)).max() <= 8
    assert library.decoded == 6 + 2  # the made ones, the photo, and the file that was written
    assert caplog.records == []


def test_one_code_value_more_or_less_changes_no_block_without_a_face(
    pipeline: Pipeline, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = FakeCuda()
    with monkeypatch.context() as patch:
        patch.setattr(
            pipeline,
            "_pixels",
            GpuPixels("cuda:0", lambda device: PixelKernels(cuda, 0)),  # type: ignore[arg-type]
        )
        patch.setattr(pipeline, "jpeg_decoder", GpuJpegs(0, lambda: FakeNvImageCodec(apart=1)))
        aged = pipeline.age_file(photo, tmp_path / "gpu.jpg", SKIN)
        pipeline._pixels.close()
    x0, y0, x1, y1 = aged.faces[0].face.reach
    before, after = stored(photo), stored(tmp_path / "gpu.jpg")
    outside = np.ones(before.shape[:2], bool)
    outside[max(int(y0) - 20, 0) : int(y1) + 20, max(int(x0) - 20, 0) : int(x1) + 20] = False
    kept = (before == after).all(axis=2)
    assert kept[outside].all()
    assert not kept[~outside].all()
    assert cuda.broken == cuda.leaks == []


def aged_on(
    pipeline: Pipeline, cuda: FakeCuda, residents: ResidentPhotos | None, path: Path, out: Path,
    request: Request, quality: int | None, monkeypatch: pytest.MonkeyPatch,
) -> Counter[str]:  # fmt: skip
    """Age a photo with everything on a fake GPU, after all comparisons; returns the bytes over its bus."""
    library = FakeNvImageCodec(cuda=cuda, padding=9)
    pixels = GpuPixels("cuda:0", lambda device: PixelKernels(cuda, 0), residents)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_pixels", pixels)
        patch.setattr(pipeline, "jpeg_decoder", GpuJpegs(0, lambda: library, residents))
        patch.setattr(pipeline, "jpeg_encoder", GpuJpegEncoder(0, lambda: library, residents))
        pipeline.age_file(path, out, request, quality=quality)
        cuda.bus.clear()
        pipeline.age_file(path, out, request, quality=quality)
        found = Counter(cuda.bus)
    pixels.close()
    return found


@pytest.mark.parametrize("quality", [None, 80])
@pytest.mark.parametrize("wish", [SKIN, OLD], ids=["skin", "old"])
def test_a_photo_on_the_gpu_does_not_cross_the_bus_again(
    pipeline: Pipeline, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Request,
    quality: int | None,
) -> None:  # fmt: skip
    cuda, parts = FakeCuda(), []
    for name, which in (("warp", 0), ("paste", 6)):
        function = getattr(PixelKernels, name)

        def noted(self: PixelKernels, *given: Any, function: Any = function, which: int = which) -> None:
            parts.append(given[which].nbytes)
            function(self, *given)

        monkeypatch.setattr(PixelKernels, name, noted)
    carried = tmp_path / "carried.jpg"
    before = aged_on(pipeline, cuda, None, photo, carried, wish, quality, monkeypatch)
    part, area = parts[-2:]
    copies = GpuCopies(cuda, 0)  # type: ignore[arg-type]
    residents = ResidentPhotos(copies)
    stays = tmp_path / "stays.jpg"
    after = aged_on(pipeline, cuda, residents, photo, stays, wish, quality, monkeypatch)
    assert parts[-2:] == [part, area]
    assert stays.read_bytes() == carried.read_bytes()
    assert after["down"] == before["down"]
    samples, aged = stored(photo), pipeline.age(stored(photo), wish).pixels
    whole, padding = samples.nbytes, 5 * ALIGNMENT
    saved = before["up"] - after["up"] - part - area
    if quality is None:
        assert abs(saved) < padding
    else:
        changes = sum(3 * (x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in changed_areas(samples, aged))
        assert abs(saved - (whole - changes)) < padding
        assert changes < 0.5 * whole
    residents.close()
    gc.collect()
    assert cuda.broken == cuda.leaks == []


def test_a_second_face_is_pasted_onto_the_first(pipeline: Pipeline, photo: Path, tmp_path: Path) -> None:
    """What other steps changed in the meantime is not that of the photo on the GPU."""
    cuda = FakeCuda()
    residents = ResidentPhotos()
    picture = read_photo(photo, decoder=GpuJpegs(0, lambda: FakeNvImageCodec(cuda=cuda), residents))
    pixels = GpuPixels("cuda:0", lambda device: PixelKernels(cuda, 0), residents)  # type: ignore[arg-type]
    started = pipeline.start(picture.pixels, SKIN)
    work, aged = started.works[0], started.frames[0].result()
    x0, y0, x1, y1 = (int(side) for side in work.seen.face.reach)
    wanted, found = picture.pixels.copy(), picture.pixels.copy()
    for out, by in ((wanted, CPU_PIXELS), (found, pixels)):
        out[y0:y1, x0:x1] = 90
        paste_face(out, work, aged, 1.0, by, picture.pixels)
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert not np.array_equal(found, picture.pixels)
    pixels.close()
