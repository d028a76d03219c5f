"""Frames that go up and come down only as far as their tiles need, and pictures drawn in pinned memory."""

from __future__ import annotations

import dataclasses
import gc
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.numpy_device import HALO, age_frame, make_work

from amgan.runtime.engines.cuda.api import CudaError
from amgan.runtime.engines.cuda.canvases import Canvases
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import Tile

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


def with_tiles(*tiles: Tile, side: int = 64) -> FrameWork:
    return dataclasses.replace(make_work("p0", side), tiles=tiles)


def drawn(work: FrameWork, image: np.ndarray) -> FrameWork:
    """The same frame with its pixels drawn on another picture."""
    image[...] = work.image
    return dataclasses.replace(work, image=image)


@settings(max_examples=80)
@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=4, unique=True),
    st.booleans(),
    st.booleans(),
)
def test_frames_whose_tiles_lie_anywhere(
    seed: int, corners: list[tuple[int, int]], kernels: bool, on_canvas: bool
) -> None:
    cuda = FakeCuda(seed)
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO, kernels=kernels)
    work = with_tiles(*(Tile(4 * x, 4 * y, 16, 16) for x, y in corners))
    with FrameScheduler(device, HALO) as scheduler:
        used = drawn(work, scheduler.canvas(64 + 2 * HALO)) if on_canvas else work
        assert np.array_equal(scheduler.submit(used).result(LONG_S), age_frame(work))
    del used
    assert cuda.broken == []
    assert cuda.leaks == []


@pytest.mark.parametrize("on_canvas", [False, True])
def test_only_what_the_tiles_need_crosses_the_bus(monkeypatch: pytest.MonkeyPatch, on_canvas: bool) -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    moved: list[tuple[str, int]] = []
    copy = cuda.copy_2d

    def watch(target: int, tp: int, source: int, sp: int, width: int, height: int, stream: int) -> None:
        pinned = [any(a <= x < a + len(m) for a, m in cuda.held.pinned.items()) for x in (target, source)]
        moved.append((("", "down", "up")[pinned.index(True) + 1 if any(pinned) else 0], width * height))
        copy(target, tp, source, sp, width, height, stream)

    monkeypatch.setattr(cuda, "copy_2d", watch)
    work = with_tiles(Tile(16, 32, 16, 16))
    with FrameScheduler(device, HALO) as scheduler:
        used = drawn(work, scheduler.canvas(64 + 2 * HALO)) if on_canvas else work
        scheduler.submit(used).result(LONG_S)
    tile, planes = 16 + 2 * HALO, 5 * 4 * (16 + 2 * HALO) // 4 * (64 + 2 * HALO) // 4
    assert [size for way, size in moved if way == "down"] == [3 * 16 * 16]
    up = [size for way, size in moved if way == "up"]
    assert up[:2] == [3 * tile * tile, planes]
    assert len(up) == 3  # and where the tiles of the batch lie
    assert not any(way == "" for way, _ in moved)  # nothing is copied on the GPU


def test_pixels_beyond_the_tiles_are_those_of_the_frame_whatever_its_room_held() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    works = [with_tiles(Tile(0, 0, 16, 16), Tile(48, 48, 16, 16)), with_tiles(Tile(20, 24, 16, 16))]
    with FrameScheduler(device, HALO) as scheduler:
        for work in 3 * works:
            assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))


def test_a_canvas_is_used_again_when_nobody_holds_it() -> None:
    cuda = FakeCuda()
    canvases = Canvases(cuda, 0)
    first = canvases.draw_on(200)
    view = first[3:5]
    assert first.shape == (200, 200, 3)
    assert not first.any()
    assert canvases.holds(first)
    assert not canvases.holds(first[:, 1:])
    assert not canvases.holds(np.zeros((200, 200, 3), np.uint8))
    first[...] = 7
    address = first.ctypes.data
    del first
    gc.collect()
    second = canvases.draw_on(200)
    assert second.ctypes.data != address  # a view of the first one is still held
    del view
    gc.collect()
    third = canvases.draw_on(256)
    assert third.ctypes.data == address
    assert not third.any()
    assert cuda.calls.count("host_alloc") == 2
    canvases.close()
    assert cuda.leaks == ["pinned"] * 2  # somebody may still read them
    assert second.sum() == 0
    del second, third
    gc.collect()
    assert cuda.leaks == []
    assert cuda.broken == []


def test_beyond_the_budget_and_after_the_end_pictures_lie_in_any_memory() -> None:
    cuda = FakeCuda()
    canvases = Canvases(cuda, 0, budget=3 * 256 * 256)
    first, second = canvases.draw_on(256), canvases.draw_on(8)
    assert [canvases.holds(one) for one in (first, second)] == [True, False]
    assert not second.any()
    cuda.fail["host_alloc"] = CudaError("full", "cudaErrorMemoryAllocation")
    assert not Canvases(cuda, 0).draw_on(8).any()
    canvases.close()
    third = canvases.draw_on(8)
    assert not canvases.holds(third)
    assert not third.any()
    assert cuda.calls.count("host_alloc") == 2


def test_canvases_are_taken_and_forgotten_by_many_threads() -> None:
    cuda = FakeCuda()
    canvases = Canvases(cuda, 0, budget=20 * 3 * 256 * 256)
    wrong: list[int] = []

    def draw(number: int) -> None:
        for _ in range(30):
            image = canvases.draw_on(16)
            if image.any():
                wrong.append(number)
            image[...] = number
            if (image != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    canvases.close()
    assert wrong == []
    assert cuda.leaks == []
    assert cuda.broken == []
    assert cuda.calls.count("host_alloc") <= 8
