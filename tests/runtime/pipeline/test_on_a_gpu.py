"""Photos of a pipeline whose GPU decodes, samples and pastes: as on the CPU. The GPU is a fake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fake_cuda import FakeCuda
from support.fake_nvimgcodec import FakeNvImageCodec
from support.helpers import COLLINS
from support.host_kernels import HostPixels, host_pixels

from amgan.runtime import Pipeline, Request
from amgan.runtime.engines.cuda.pixels import PixelKernels
from amgan.runtime.face import extensions
from amgan.runtime.face.gpu_pixels import GpuPixels
from amgan.runtime.photo.gpu_jpeg import GpuJpegs

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
