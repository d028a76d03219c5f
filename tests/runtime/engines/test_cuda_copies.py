"""Copies of photos on a GPU: only what changed is uploaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from support.fake_cuda import FakeCuda
from support.pixel_kernels_twin import picture_at

from amgan.runtime.engines.cuda.api import CudaError, OutOfMemoryError
from amgan.runtime.engines.cuda.copies import AT_ONCE, GpuCopies, changed_areas
from amgan.runtime.engines.cuda.picture import GpuPicture
from amgan.runtime.engines.cuda.resident import ResidentPhotos

RANDOM = np.random.default_rng(5)
PITCH = 3 * 90 + 7


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    cuda = FakeCuda()
    cuda.use(0)
    yield cuda
    assert cuda.broken == []
    assert cuda.leaks == []


@pytest.fixture
def copies(cuda: FakeCuda) -> Iterator[GpuCopies]:
    copies = GpuCopies(cuda, 0)  # type: ignore[arg-type]
    yield copies
    copies.close()


@pytest.fixture
def before() -> np.ndarray:
    return RANDOM.integers(0, 256, (200, 90, 3), dtype=np.uint8)


@pytest.fixture
def picture(cuda: FakeCuda, before: np.ndarray) -> Iterator[GpuPicture]:
    rows = np.zeros((200, PITCH), np.uint8)
    rows[:, :270] = before.reshape(200, 270)
    address = cuda.lend(rows)
    yield GpuPicture(address, 90, 200, 3, PITCH)
    cuda.take_back(address)


def samples_of(cuda: FakeCuda, made: GpuPicture) -> np.ndarray:
    return picture_at(cuda.view, made.address, made.across, made.down, (made.height, made.width))


def changed(before: np.ndarray) -> np.ndarray:
    after = before.copy()
    after[50:70, 20:40] ^= 1
    after[199, 89] ^= 255
    return after


def test_only_changes_are_uploaded(
    copies: GpuCopies, cuda: FakeCuda, picture: GpuPicture, before: np.ndarray
) -> None:
    after = changed(before)
    assert changed_areas(before, after) == [(20, 50, 40, 64), (20, 64, 40, 70), (89, 199, 90, 200)]
    for _ in range(2):
        cuda.bus.clear()
        with copies.changed(picture, before, after) as made:
            assert np.array_equal(samples_of(cuda, made), after)
        assert cuda.bus == {"up": 3 * (20 * 20 + 1)}
    assert cuda.calls.count("malloc") == 1
    assert np.array_equal(samples_of(cuda, picture), before)


def test_a_photo_without_changes_is_only_copied(
    copies: GpuCopies, cuda: FakeCuda, picture: GpuPicture, before: np.ndarray
) -> None:
    with copies.changed(picture, before, before.copy()) as made:
        assert np.array_equal(samples_of(cuda, made), before)
    assert cuda.bus["up"] == 0


def test_larger_changes_and_threads_have_memory_of_their_own(
    copies: GpuCopies, cuda: FakeCuda, picture: GpuPicture, before: np.ndarray
) -> None:
    turns = threading.Barrier(AT_ONCE + 1)
    wrong: list[int] = []

    def make(seed: int) -> None:
        after = np.random.default_rng(seed).integers(0, 256, before.shape, dtype=np.uint8)
        with copies.changed(picture, before, after) as made:
            turns.wait(60)
            if not np.array_equal(samples_of(cuda, made), after):
                wrong.append(seed)

    threads = [threading.Thread(target=make, args=(seed,)) for seed in range(AT_ONCE + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cuda.calls.count("free") == 1  # one more than is kept


def test_without_memory_nothing_is_held(
    cuda: FakeCuda, copies: GpuCopies, picture: GpuPicture, before: np.ndarray
) -> None:
    for call in ("malloc", "stream_create", "host_alloc", "copy_2d", "stream_synchronize"):
        cuda.fail = {call: OutOfMemoryError("no memory") if "alloc" in call else CudaError("broken", "x")}
        with pytest.raises(CudaError), copies.changed(picture, before, changed(before)):
            pass
        cuda.fail = {}
        copies.close()
    with copies.changed(picture, before, changed(before)) as made:
        assert np.array_equal(samples_of(cuda, made), changed(before))


def test_a_photo_that_was_turned_has_no_copy(
    copies: GpuCopies, picture: GpuPicture, before: np.ndarray
) -> None:
    residents = ResidentPhotos(copies)
    residents.keep(before, picture)
    with residents.changed(before, changed(before)) as made:
        assert made is not None
    with residents.changed(before, before[:-1]) as made:
        assert made is None
    turned = np.ascontiguousarray(before[::-1])
    residents.keep(turned, picture.upright(4))
    with residents.changed(turned, changed(turned)) as made:
        assert made is None
    with residents.changed(None, before) as made:
        assert made is None
    residents.close()
