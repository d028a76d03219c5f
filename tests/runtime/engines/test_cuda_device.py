"""Frames through a GPU that is a fake: pixels, order of streams, memory, graphs, errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.numpy_device import HALO, age_frame, make_work
from support.simulated_gpu import BEGIN_CALLS, END_CALLS, GATHER_CALLS, LAUNCH_CALLS, STITCH_CALLS

from amgan.runtime.engines.cuda.api import CudaError, OutOfMemoryError
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.scheduler.device import PlacedTile, TileDevice
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.errors import EngineError

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


def run(
    seed: int, frames: list[tuple[int, int, int]], slots: int, batches: tuple[int, ...], graphs: bool,
    kernels: bool = True,
) -> FakeCuda:  # fmt: skip
    """Age frames of (side, core, tiles) and compare all pixels."""
    cuda = FakeCuda(seed)
    program = FakeProgram(cuda, 16, batches, graphs=graphs)
    device = CudaTileDevice(cuda, 0, program, HALO, slots=slots, kernels=kernels)
    captured = cuda.calls.count("kernel_launch")
    works = [make_work(f"p{i}", *frame) for i, frame in enumerate(frames)]
    with FrameScheduler(device, HALO, linger_s=0.001) as scheduler:
        futures = [scheduler.submit(work) for work in works]
        for work, future in zip(works, futures, strict=True):
            assert np.array_equal(future.result(LONG_S), age_frame(work))
        counters = scheduler.counters
    assert cuda.broken == []
    assert cuda.leaks == []
    assert program.closed == 1
    assert counters.tiles == sum(len(w.tiles) for w in works)
    assert counters.batches == len(program.launched)
    assert counters.tiles + counters.padded_tiles == sum(program.launched)
    assert (
        counters.graph_launches
        == (len(program.launched) if graphs else 0)
        == cuda.calls.count("graph_launch")
    )
    started = cuda.calls.count("kernel_launch") - captured
    assert bool(captured) == (graphs and kernels)
    assert started == (2 * len(program.launched) if kernels and not graphs else 0)
    return cuda


@settings(max_examples=150)
@given(
    st.integers(0, 10_000),
    st.lists(
        st.tuples(st.sampled_from([16, 32, 48]), st.sampled_from([8, 16]), st.integers(0, 5)), max_size=5
    ),
    st.integers(1, 3),
    st.sampled_from([(1,), (1, 2), (1, 2, 4), (2, 3)]),
    st.booleans(),
    st.booleans(),
)
def test_any_order_of_the_streams_gives_the_right_pixels(
    seed: int, frames: list[tuple[int, int, int]], slots: int, batches: tuple[int, ...], graphs: bool,
    kernels: bool,
) -> None:  # fmt: skip
    run(seed, frames, slots, batches, graphs, kernels)


@pytest.mark.parametrize("call", ["library_load", "kernel"])
def test_without_kernels_tiles_are_copied_and_the_log_says_why(
    call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda = FakeCuda()
    cuda.fail[call] = CudaError("the PTX is too new", "cudaErrorUnsupportedPtxVersion")
    work = make_work("p0")
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    with FrameScheduler(device, HALO) as scheduler:
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
    assert "kernel_launch" not in cuda.calls
    assert "moved by many copies" in caplog.text
    assert "the PTX is too new" in caplog.text
    assert cuda.broken == cuda.leaks == []


def test_a_frame_crosses_the_bus_once_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    crossings = []
    copy = cuda.copy_2d

    def watch(target: int, tp: int, source: int, sp: int, width: int, height: int, stream: int) -> None:
        pinned = [any(a <= x < a + len(m) for a, m in cuda.held.pinned.items()) for x in (target, source)]
        if any(pinned):
            crossings.append(("up" if pinned[1] else "down", width * height))
        copy(target, tp, source, sp, width, height, stream)

    monkeypatch.setattr(cuda, "copy_2d", watch)
    work = make_work("p0")
    with FrameScheduler(device, HALO) as scheduler:
        scheduler.submit(work).result(LONG_S)
    down = [size for way, size in crossings if way == "down"]
    up = sorted(size for way, size in crossings if way == "up")
    assert down == [32 * 32 * 3]
    cells = work.aging_map.nbytes + work.coordinates.nbytes
    (slot,) = [size for size in up if size not in (cells, work.image.nbytes)]
    assert slot < 1024
    assert len(up) == 3


def test_one_graph_cuts_computes_and_stitches_a_batch() -> None:
    """A step more is only the copy of the descriptors; a part of a batch leaves the rest of it out."""
    cuda = FakeCuda()
    program = FakeProgram(cuda, 16, (1, 2, 4))
    device = CudaTileDevice(cuda, 0, program, HALO)
    assert cuda.calls.count("kernel_launch") == 3 * 3 * 2  # of each graph: slots, batches, two kernels
    device.attach()
    work = make_work("p0")
    for tiles in (work.tiles[:3], work.tiles[3:], work.tiles):
        frame = device.begin_frame(work)
        cuda.calls.clear()
        device.gather(0, [PlacedTile(frame, tile) for tile in tiles])
        device.launch(0)
        device.stitch(0)
        assert [call for call in cuda.calls if "event" not in call and "wait" not in call] == [
            "copy_2d", "graph_launch"
        ]  # fmt: skip
        device.wait(0)
        device.end_frame(frame)
        found, wanted = device.finish_frame(frame), age_frame(work)
        for tile in tiles:
            assert np.array_equal(found[tile.core], wanted[tile.core])
    assert program.launched == [4, 1, 4]
    device.close()
    assert cuda.broken == cuda.leaks == []


def test_every_step_makes_as_many_calls_as_the_simulated_gpu_takes_it_for() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda, graphs=True), HALO)
    work = make_work("p0")
    made: list[int] = []

    def count(step: Callable[[], Any]) -> Any:
        before = len(cuda.calls)
        found = step()
        made.append(len(cuda.calls) - before)
        return found

    device.attach()
    device.drop_frame(device.begin_frame(work))  # room for it is allocated once
    frame = count(lambda: device.begin_frame(work))
    count(lambda: device.gather(0, [PlacedTile(frame, tile) for tile in work.tiles]))
    for step in (device.launch, device.stitch):
        count(lambda step=step: step(0))
    count(lambda: device.end_frame(frame))
    device.wait(0)
    assert np.array_equal(device.finish_frame(frame), age_frame(work))
    device.close()
    assert made == [BEGIN_CALLS, GATHER_CALLS, LAUNCH_CALLS, STITCH_CALLS, END_CALLS]


@pytest.mark.parametrize("forgotten", ["gathered", "computed", "stitched", "back"])
def test_the_fake_notices_an_event_that_nobody_waits_for(
    monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    """Otherwise the tests above would prove nothing."""
    wait, synchronize = FakeCuda.stream_wait, FakeCuda.event_synchronize

    def is_forgotten(device: CudaTileDevice, event: int) -> bool:
        handles = [getattr(s, forgotten, None) for s in device._slots]
        handles += [getattr(r, forgotten, None) for r in (*device._pool._free, *device._pool._taken)]
        return event in [o.handle for o in handles if o is not None and o._handle is not None]

    found = False
    for seed in range(40):
        cuda = FakeCuda(seed)
        device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO, slots=2)
        monkeypatch.setattr(
            cuda, "stream_wait", lambda s, e, c=cuda, d=device: is_forgotten(d, e) or wait(c, s, e)
        )
        monkeypatch.setattr(
            cuda, "event_synchronize", lambda e, c=cuda, d=device: is_forgotten(d, e) or synchronize(c, e)
        )
        works = [make_work(f"p{i}") for i in range(3)]
        with FrameScheduler(device, HALO) as scheduler:
            futures = [scheduler.submit(work) for work in works]
            good = [
                np.array_equal(f.result(LONG_S), age_frame(w)) for f, w in zip(futures, works, strict=True)
            ]
        found = found or not all(good) or bool(cuda.broken)
    assert found


def test_it_is_a_device_that_says_what_it_likes() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO, slots=2, batch=3, reason="because")
    assert isinstance(device, TileDevice)
    likes = device.capabilities
    assert (likes.name, likes.device, likes.precision, likes.reason) == ("Fake", "cuda:0", "fp16", "because")
    assert (likes.max_core_px, likes.batch, likes.in_flight, likes.fixed_core) == (16, 2, 2, True)
    device.close()
    device.close()
    assert cuda.leaks == []
    assert cuda.broken == []


@pytest.mark.parametrize(
    ("tiles", "batch", "slots", "says"),
    [
        (14, 4, 3, []),
        (8, 2, 3, []),
        (4, 1, 3, []),
        (2, 1, 1, ["3 slots of 1 tiles do not fit", "trying 1 slots of 1 tiles"]),
    ],
)
def test_free_memory_decides_the_batch(
    caplog: pytest.LogCaptureFixture, tiles: int, batch: int, slots: int, says: list[str]
) -> None:
    one = FakeProgram(FakeCuda()).memory(1, 1)
    cuda = FakeCuda(free_bytes=tiles * one)
    with caplog.at_level(logging.WARNING):
        device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    assert (device.capabilities.batch, device.slots) == (batch, slots)
    assert all(text in caplog.text for text in says)
    assert bool(caplog.text) == bool(says)
    device.close()
    assert cuda.leaks == []


def test_running_out_of_memory_halves_the_batch_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(FakeProgram, "memory", lambda self, slots, batch: 0)
    one = sum(
        t.nbytes for t in {**FakeProgram(FakeCuda()).inputs, **FakeProgram(FakeCuda()).outputs}.values()
    )
    cuda = FakeCuda(free_bytes=7 * one)
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    assert (device.capabilities.batch, device.slots) == (2, 3)
    assert (
        "Fake: 3 slots of 4 tiles do not fit into the GPU's memory; trying 3 slots of 2 tiles" in caplog.text
    )
    device.close()
    assert cuda.broken == []
    assert cuda.leaks == []


def test_a_gpu_that_is_full_is_an_error_with_the_remedy() -> None:
    cuda = FakeCuda(free_bytes=1000)
    with pytest.raises(
        OutOfMemoryError, match=r"0 MiB of 0 MiB free, too little for one tile in Fake: close"
    ):
        CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    assert cuda.leaks == []


def test_room_of_frames_is_used_again_and_makes_way_for_larger_ones() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    with FrameScheduler(device, HALO) as scheduler:
        for i in range(6):
            scheduler.submit(make_work(f"p{i}")).result(LONG_S)
        first = cuda.calls.count("host_alloc")
        work = make_work("large", 272, 16, 2)
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
        assert np.array_equal(scheduler.submit(make_work("p1")).result(LONG_S), age_frame(make_work("p1")))
        assert cuda.calls.count("host_alloc") == first + 1
    # Three slots and one frame: frames that come one after the other need no more.
    assert first == 4
    assert cuda.leaks == []
    assert cuda.broken == []


def test_a_frame_for_which_there_is_no_memory_fails_alone() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    cuda.free_bytes = 256 * 256 * 8
    with FrameScheduler(device, HALO) as scheduler:
        good = scheduler.submit(make_work("p0")).result(LONG_S)
        with pytest.raises(
            EngineError, match=r"large: there is no memory for a frame of 512 px .*smaller size"
        ):
            scheduler.submit(make_work("large", 272, 16, 2)).result(LONG_S)
        assert np.array_equal(good, age_frame(make_work("p0")))
        assert np.array_equal(scheduler.submit(make_work("p1")).result(LONG_S), age_frame(make_work("p1")))
    assert cuda.leaks == []


@pytest.mark.parametrize("call", ["event_synchronize", "stream_wait", "copy_2d"])
def test_an_error_that_breaks_the_gpu_fails_everything(call: str) -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    with FrameScheduler(device, HALO, max_frames=9) as scheduler:
        assert scheduler.submit(make_work("p0")).result(LONG_S) is not None
        cuda.fail[call] = CudaError(
            "CUDA's call failed with cudaErrorIllegalAddress (x)", "cudaErrorIllegalAddress"
        )
        for _ in range(2):
            with pytest.raises(EngineError, match=r"p1.*cudaErrorIllegalAddress"):
                scheduler.submit(make_work("p1")).result(LONG_S)
    assert device.fault
    assert cuda.leaks == []


@pytest.mark.parametrize("call", ["graph_launch", "event_record", "copy_2d", "elapsed_ms"])
def test_another_error_fails_its_frame_and_no_slot_is_lost(call: str) -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda), HALO)
    with FrameScheduler(device, HALO) as scheduler:
        cuda.fail[call] = CudaError(
            "CUDA's call failed with cudaErrorInvalidValue (x)", "cudaErrorInvalidValue"
        )
        with pytest.raises(EngineError, match=r"p1.*cudaErrorInvalidValue"):
            scheduler.submit(make_work("p1")).result(LONG_S)
        del cuda.fail[call]
        for i in range(5):
            assert np.array_equal(
                scheduler.submit(make_work(f"p{i}")).result(LONG_S), age_frame(make_work(f"p{i}"))
            )
    assert not device.fault
    assert cuda.broken == []
    assert cuda.leaks == []


def test_the_time_that_the_gpu_computed_is_added_up() -> None:
    cuda = FakeCuda()
    device = CudaTileDevice(cuda, 0, FakeProgram(cuda, batches=(1,)), HALO)
    with FrameScheduler(device, HALO) as scheduler:
        scheduler.submit(make_work("p0")).result(LONG_S)
    assert device.gpu_busy_s == pytest.approx(0.004)
