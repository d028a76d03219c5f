"""Faces cut and changes pasted by the kernels: on the host, and on a GPU that is a fake."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.fake_cuda import FakeCuda
from support.host_kernels import HostPixels, host_pixels

from amgan.runtime.engines.cuda.api import CudaError, GpuInfo
from amgan.runtime.engines.cuda.picture import GpuPicture
from amgan.runtime.engines.cuda.pixels import PixelKernels
from amgan.runtime.errors import EngineError, UsageError
from amgan.runtime.face import extensions, gpu_pixels
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.gpu_pixels import GpuPixels, apart, open_pixels, paste_by, sample_by
from amgan.runtime.face.paste import paste_change
from amgan.runtime.face.pixels import Change, CpuPixels, Cut
from amgan.runtime.face.tone import Tone
from amgan.runtime.face.warp import sample_affine

TONE = Tone(np.ones((256, 3), np.float32), 0.0)
RANDOM = np.random.default_rng(3)
FRAMES = {
    "upright": Frame((150.0, 110.0), (80.0, 0.0)),
    "turned": Frame((140.3, 120.7), (70.2, 31.9)),
    "upside down": Frame((150.0, 110.0), (-75.0, 2.0)),
    "over the left edge": Frame((20.0, 100.0), (90.0, -20.0)),
    "over the right and lower edge": Frame((290.0, 210.0), (84.0, 20.0)),
    "outside": Frame((900.0, 900.0), (80.0, 5.0)),
}
"""Frames of faces in a photo of 301 x 223 px, with sides of about 160 px."""
SIZE = 192


def a_photo() -> np.ndarray:
    return RANDOM.integers(0, 256, (223, 301, 3), dtype=np.uint8)


def a_change() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before, after = RANDOM.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    across = np.linspace(-1, 1, SIZE, dtype=np.float32)
    mask = (1.2 - 1.5 * np.hypot(across, across[:, None])).clip(0, 1).astype(np.float32)
    return before, after, mask


@pytest.fixture(scope="module")
def on_the_host(tmp_path_factory: pytest.TempPathFactory) -> HostPixels:
    return host_pixels(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    cuda = FakeCuda()
    yield cuda
    assert cuda.broken == []
    assert cuda.leaks == []


@pytest.fixture
def kernels(cuda: FakeCuda) -> Iterator[PixelKernels]:
    kernels = PixelKernels(cuda, 0)  # type: ignore[arg-type]
    yield kernels
    kernels.close()


def most_apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


def same(kernels: object) -> int:
    """The most code values that kernels may be off: none where the C extensions compute the CPU's pixels."""
    exact = isinstance(kernels, HostPixels) and extensions.paste() is not None
    return 0 if exact else 1


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("which", ["on_the_host", "kernels"])
def test_a_frame_is_that_of_the_cpu(frame: Frame, which: str, request: pytest.FixtureRequest) -> None:
    kernels, photo = request.getfixturevalue(which), a_photo()
    to_photo = frame.to_photo(SIZE)
    found = sample_by(kernels, Cut(photo, to_photo, (SIZE, 150)))
    assert found is not None
    assert most_apart(found, sample_affine(photo, to_photo, (SIZE, 150))) <= same(kernels)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("which", ["on_the_host", "kernels"])
def test_a_pasted_change_is_that_of_the_cpu(frame: Frame, which: str, request: pytest.FixtureRequest) -> None:
    kernels, photo, (before, after, mask) = request.getfixturevalue(which), a_photo(), a_change()
    wanted, found = photo.copy(), photo.copy()
    paste_change(wanted, frame, before, after, mask, strength=0.8, tone=TONE)
    done = paste_by(kernels, found, Change(frame, before, after, mask, 0.8, TONE))
    assert done == (frame is not FRAMES["outside"])
    if done:
        assert most_apart(found, wanted) <= same(kernels)
        assert most_apart(found, photo) > 50
    assert np.array_equal((wanted != photo).any(), (found != photo).any()) or not done


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("which", ["on_the_host", "kernels"])
def test_a_photo_on_the_gpu_gives_the_same_pixels(
    orientation: int, which: str, cuda: FakeCuda, request: pytest.FixtureRequest
) -> None:
    """Also where it lies turned and with rows of another length."""
    kernels, photo, (before, after, mask) = request.getfixturevalue(which), a_photo(), a_change()
    frame, wanted, found = FRAMES["turned"], photo.copy(), photo.copy()
    change = Change(frame, before, after, mask, 0.8, TONE, photo)
    with Image.fromarray(photo) as picture:
        back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
        stored = np.asarray(turned_by(picture, back))
    tall, wide = stored.shape[:2]
    rows = np.zeros((tall, 3 * wide + 11), np.uint8)
    rows[:, : 3 * wide] = stored.reshape(tall, -1)
    address = cuda.lend(rows) if which == "kernels" else rows.ctypes.data
    there = GpuPicture(address, wide, tall, 3, rows.shape[1]).upright(orientation)
    cut = Cut(photo, frame.to_photo(SIZE), (SIZE, 150))
    assert np.array_equal(sample_by(kernels, cut, there), sample_by(kernels, cut))
    assert paste_by(kernels, wanted, change)
    cuda.bus.clear()
    assert paste_by(kernels, found, change, there)
    assert np.array_equal(found, wanted)
    with_photo = cuda.bus["up"]
    found[...] = photo
    found[100, 140] ^= 1  # the photo has changed since: it is carried
    wanted[...] = found
    change.paste(wanted)
    assert paste_by(kernels, found, change, there)
    assert most_apart(found, wanted) <= same(kernels)
    if which == "kernels":
        assert cuda.bus["up"] > 2 * with_photo + 1000
        cuda.take_back(address)


def turned_by(picture: Image.Image, orientation: int) -> Image.Image:
    """A picture as Pillow turns one of an EXIF orientation upright."""
    copy = picture.copy()
    copy.getexif()[274] = orientation
    return ImageOps.exif_transpose(copy)


def test_what_the_kernels_do_not_support_is_left_to_the_cpu(kernels: PixelKernels, cuda: FakeCuda) -> None:
    photo, frame, (before, after, mask) = a_photo(), FRAMES["turned"], a_change()
    assert sample_by(kernels, Cut(photo, frame.to_photo(64), (64, 64))) is None  # reduced by 2
    toned = Tone(TONE.slopes, 0.5)
    small = tuple(one[:64, :64] for one in (before, after, mask))
    huge = tuple(one.repeat(2, 0).repeat(2, 1) for one in (before, after, mask))
    for tone, change in ((toned, (before, after, mask)), (TONE, small), (TONE, huge)):
        assert not paste_by(kernels, photo, Change(frame, *change, 1.0, tone))
    assert not paste_by(kernels, photo, Change(frame, before, after, np.zeros_like(mask), 1.0, TONE))
    assert "kernel_launch" not in cuda.calls


def test_memory_grows_and_is_reused(kernels: PixelKernels, cuda: FakeCuda) -> None:
    photo, frame = a_photo(), FRAMES["turned"]
    for size, mallocs in ((64, 1), (192, 1), (700, 2), (192, 2)):
        sample_by(kernels, Cut(photo, frame.to_photo(size), (size, size)))
        assert cuda.calls.count("malloc") <= mallocs
    assert cuda.calls.count("malloc") == 2


def test_threads_take_turns(kernels: PixelKernels, cuda: FakeCuda) -> None:
    photo, frame = a_photo(), FRAMES["turned"]
    sizes = [150 + 5 * i for i in range(8)]
    found: dict[int, np.ndarray | None] = {}

    def run(size: int) -> None:
        found[size] = sample_by(kernels, Cut(photo, frame.to_photo(size), (size, size)))

    threads = [threading.Thread(target=run, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for size in sizes:
        one = found[size]
        assert one is not None
        assert most_apart(one, sample_affine(photo, frame.to_photo(size), (size, size))) <= 1


def opened(cuda: FakeCuda) -> GpuPixels:
    def open_kernels(device: str) -> PixelKernels:
        assert device == "cuda:1"
        return PixelKernels(cuda, 1)  # type: ignore[arg-type]

    return GpuPixels("cuda:1", open_kernels)


def use(pixels: CpuPixels) -> int:
    """Sample and paste; returns the largest difference from the CPU."""
    photo, frame, (before, after, mask) = a_photo(), FRAMES["turned"], a_change()
    to_photo, wanted, found = frame.to_photo(SIZE), photo.copy(), photo.copy()
    paste_change(wanted, frame, before, after, mask, strength=0.8, tone=TONE)
    pixels.paste(found, Change(frame, before, after, mask, 0.8, TONE))
    one, other = (
        pixels.sample(Cut(photo, to_photo, (SIZE, SIZE))),
        sample_affine(photo, to_photo, (SIZE, SIZE)),
    )
    return max(most_apart(found, wanted), most_apart(one, other))


def test_the_gpu_is_used_after_a_comparison(cuda: FakeCuda, caplog: pytest.LogCaptureFixture) -> None:
    pixels = opened(cuda)
    assert cuda.calls == []
    assert use(pixels) <= 1
    assert cuda.calls.count("kernel_launch") == 2 * 3
    photo, frame = a_photo(), FRAMES["turned"]
    reduced = pixels.sample(Cut(photo, frame.to_photo(64), (64, 64)))
    assert np.array_equal(reduced, sample_affine(photo, frame.to_photo(64), (64, 64)))
    toned = Tone(TONE.slopes, 0.5)
    before, after, mask = a_change()
    wanted, found = photo.copy(), photo.copy()
    pixels.paste(found, Change(frame, before, after, mask, 1.0, toned))
    paste_change(wanted, frame, before, after, mask, tone=toned)
    assert np.array_equal(found, wanted)
    assert caplog.records == []
    pixels.close()


@pytest.mark.parametrize("call", ["library_load", "kernel", "malloc", "host_alloc", "kernel_launch"])
def test_the_first_failure_ends_it_with_one_warning(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    cuda.fail[call] = CudaError("the GPU is ill", "cudaErrorUnknown")
    pixels = opened(cuda)
    assert use(pixels) == use(pixels) == 0
    (record,) = caplog.records
    says = "photos are sampled and pasted on the CPU: the GPU is ill"
    assert (record.levelname, record.getMessage()) == ("WARNING", says)
    assert pixels.failed


@pytest.mark.parametrize("operation", ["sample", "paste"])
def test_a_later_failure_ends_it_too(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture, operation: str
) -> None:
    pixels = opened(cuda)
    assert use(pixels) <= 1
    cuda.fail["copy_2d"] = CudaError("the GPU is ill", "cudaErrorUnknown")
    photo, frame, (before, after, mask) = a_photo(), FRAMES["turned"], a_change()
    wanted, found, to_photo = photo.copy(), photo.copy(), frame.to_photo(SIZE)
    if operation == "sample":
        wanted = sample_affine(photo, to_photo, (SIZE, SIZE))
        found = pixels.sample(Cut(photo, to_photo, (SIZE, SIZE)))
    else:
        paste_change(wanted, frame, before, after, mask, strength=0.8, tone=TONE)
        pixels.paste(found, Change(frame, before, after, mask, 0.8, TONE))
    assert np.array_equal(found, wanted)
    assert len(caplog.records) == 1
    assert use(pixels) == 0


def test_kernels_that_differ_are_closed(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_pixels, "apart", lambda kernels: 2)
    assert use(opened(cuda)) == 0
    assert "they differ by 2 code values" in caplog.text
    assert "library_unload" in cuda.calls


def test_wrong_kernels_are_seen(on_the_host: HostPixels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert apart(on_the_host) == 0 or extensions.paste() is None  # type: ignore[arg-type]
    warp, paste = on_the_host.warp, on_the_host.paste
    with monkeypatch.context() as patch:
        patch.setattr(on_the_host, "warp", lambda p, a, s, o, out: warp(p, a + 0.1, s, o, out))
        assert apart(on_the_host) > 5  # type: ignore[arg-type]
    monkeypatch.setattr(on_the_host, "paste", lambda b, a, m, w, *rest: paste(b, a, m, w * 0.9, *rest))
    assert apart(on_the_host) > 5  # type: ignore[arg-type]


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMGAN_PIXELS", raising=False)
    assert type(open_pixels("cuda:0")[0]) is CpuPixels
    monkeypatch.setenv("AMGAN_PIXELS", "gpu")
    assert type(open_pixels("cpu")[0]) is CpuPixels
    assert type(open_pixels("cuda:0")[0]) is GpuPixels
    monkeypatch.setenv("AMGAN_PIXELS", "yes")
    with pytest.raises(UsageError, match="AMGAN_PIXELS is 'yes': give gpu or cpu"):
        open_pixels("cuda:0")


def test_the_first_gpu_of_the_generator_is_opened(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda._gpus = [GpuInfo(number, f"GPU {number}", 90, 1 << 30) for number in range(3)]
    monkeypatch.setattr(gpu_pixels, "load_cuda", lambda: cuda)
    pixels = GpuPixels("cuda:2, cuda:1")
    assert use(pixels) <= 1
    kernels = pixels._kernels
    assert kernels is not None and kernels._gpu == 2
    pixels.close()

    def missing() -> object:
        raise EngineError("no CUDA here")

    monkeypatch.setattr(gpu_pixels, "load_cuda", missing)
    assert use(GpuPixels("cuda:0")) == 0
    assert "photos are sampled and pasted on the CPU: no CUDA here" in caplog.text
