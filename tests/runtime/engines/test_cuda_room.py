"""Room for frames and tiles of several sizes on a GPU that is a fake."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.numpy_device import HALO, age_frame, make_work

from amgan.runtime.engines.contract import CoreSize
from amgan.runtime.engines.cuda.api import OutOfMemoryError
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.cuda.frame_pool import FramePool, room_bytes
from amgan.runtime.engines.cuda.program import batch_sizes
from amgan.runtime.engines.scheduler.device import PlacedTile
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.errors import EngineError

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow
SIZES = (16, 32, 64)


def test_batch_sizes() -> None:
    assert batch_sizes(1, 8) == (1, 2, 4, 8)
    assert batch_sizes(1, 6) == (1, 2, 4, 6)
    assert batch_sizes(4, 4) == (4,)
    assert batch_sizes(3, 4) == (3, 4)


def test_room_for_frames_keeps_to_its_budget() -> None:
    cuda = FakeCuda()
    cuda.use(0)
    small, large = make_work("small", 240), make_work("large", 496)
    one, four = room_bytes(256), room_bytes(512)
    pool = FramePool(cuda, budget=four)
    assert pool.has_room(large)
    rooms = [pool.take(small) for _ in range(3)]
    assert pool.has_room(small)
    assert not pool.has_room(large)
    rooms.append(pool.take(small))
    assert not pool.has_room(small)
    for room in rooms:
        pool.give(room)
    # Room that is free goes for larger room, but only as much as the budget asks for.
    assert pool.has_room(large)
    assert pool.take(large).nbytes == four == 4 * one
    assert pool.take(small).nbytes == one
    pool.close()
    assert cuda.leaks == []
    assert cuda.broken == []
    # One frame may always be there.
    assert FramePool(cuda).has_room(large)


def test_many_small_frames_are_on_the_gpu_at_once() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    device.attach()
    works = [make_work(f"p{i}", 16) for i in range(20)]
    places = []
    for work in works:
        assert device.has_room(work)
        places.append(device.begin_frame(work))
    for place in places:
        device.drop_frame(place)
    device.close()
    assert cuda.leaks == []


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.sampled_from([16, 32, 64, 96]), st.sampled_from(SIZES)), min_size=1, max_size=6),
)
def test_tiles_of_several_sizes_share_a_ring(seed: int, frames: list[tuple[int, int]]) -> None:
    cuda = FakeCuda(seed)
    programs = [FakeProgram(cuda, core, batches) for core, batches in zip(SIZES, [(1, 2, 4), (1, 2), (1,)])]  # noqa: B905
    device = CudaTileDevice(cuda, 0, programs[::-1], HALO, slots=2)
    assert device.capabilities.cores == (CoreSize(16, 16, 4), CoreSize(32, 32, 2), CoreSize(64, 64, 1))
    works = [make_work(f"p{i}", side, min(core, side)) for i, (side, core) in enumerate(frames)]
    with FrameScheduler(device, HALO, linger_s=0.001) as scheduler:
        for work, future in [(w, scheduler.submit(w)) for w in works]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
    wanted = [0, 0, 0]
    for work in works:
        size = work.tiles[0].width
        wanted[next(i for i, core in enumerate(SIZES) if size <= core)] += len(work.tiles)
    for program, tiles in zip(programs, wanted, strict=True):
        assert sum(program.launched) >= tiles
        assert bool(program.launched) == bool(tiles)
        assert program.closed == 1
    assert cuda.broken == []
    assert cuda.leaks == []


@pytest.mark.parametrize(
    ("mib", "known", "says"),
    [
        (4, True, "half of the memory that is left is too little"),
        (2, False, "only 1 slots fit"),
        (1, False, "there is no memory for them: the GPU has"),
    ],
)
def test_sizes_without_memory_are_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mib: int, known: bool, says: str
) -> None:
    if not known:
        monkeypatch.setattr(FakeProgram, "memory", lambda self, slots, batch: 0)
    cuda = FakeCuda(free_bytes=mib << 20)
    with caplog.at_level(logging.WARNING):
        device = CudaTileDevice(cuda, 0, [FakeProgram(cuda, 512, (1,)), FakeProgram(cuda, 16)], HALO)
    assert [core.width for core in device.capabilities.cores] == [16]
    assert device.capabilities.max_core_px == 16
    assert f"tiles of 512x512 px are left out, {says}" in caplog.text
    work = make_work("p0")
    with FrameScheduler(device, HALO) as scheduler:
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
    assert cuda.leaks == []


def test_tiles_whose_size_finds_no_memory_later_are_computed_as_larger_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cuda = FakeCuda()
    programs = [FakeProgram(cuda, core, (1, 2)) for core in ((16, 24), (32, 40), (64, 80))]
    device = CudaTileDevice(cuda, 0, programs, HALO)
    cores = [core.size for core in device.capabilities.cores]
    assert cores == [(16, 24), (32, 40), (64, 80)]
    works = [make_work(f"p{i}", 32, 32) for i in range(3)]
    with FrameScheduler(device, HALO) as scheduler:
        device.attach()
        assert not programs[1].launched
        programs[1].memory = lambda slots, batch: cuda.free_bytes  # type: ignore[method-assign]
        for work in works:
            assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
    assert not programs[1].launched
    assert sum(programs[2].launched) >= 3
    assert [core.size for core in device.capabilities.cores] == [(16, 24), (64, 80)]
    assert "tiles of 32x40 px are left out, half of the memory that is left is too little" in caplog.text
    assert cuda.leaks == cuda.broken == []


def test_more_tiles_than_any_batch_that_is_left_are_an_error() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda, batches=(1,)), HALO)
    device.attach()
    work = make_work("p0")
    frame = device.begin_frame(work)
    with pytest.raises(OutOfMemoryError, match="there is no memory for 2 tiles of 16x16 px at once"):
        device.gather(0, [PlacedTile(frame, tile) for tile in work.tiles[:2]])
    device.drop_frame(frame)
    device.close()
    assert cuda.leaks == []


def test_slots_that_were_not_filled_cannot_be_launched() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    device.attach()
    for call in (device.launch, device.stitch):
        with pytest.raises(EngineError, match="gather them first"):
            call(0)
    device.close()
