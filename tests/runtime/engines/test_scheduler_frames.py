"""Frames through the scheduler: results, batches, back-pressure, errors, several devices, OpenVINO."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.helpers import HALO as TINY_HALO
from support.helpers import PATTERNS
from support.numpy_device import HALO, Faults, NumpyDevice, age_frame, make_work
from support.stitching import stitch
from support.tile_inputs import frame_positions, mixtures

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.device import TileDevice
from amgan.runtime.engines.scheduler.host import HostTileDevice
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler, open_scheduler
from amgan.runtime.engines.tiles import Tile, plan_tiles
from amgan.runtime.errors import EngineError, UsageError

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


class HeldDevice(NumpyDevice):
    """Finishes no batch before it is let go."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.go = threading.Event()

    def wait_for_frames(self, count: int) -> None:
        end = time.monotonic() + LONG_S
        while len(self._frames) < count:
            assert time.monotonic() < end
            time.sleep(0.001)

    def wait(self, slot: int) -> None:
        assert self.go.wait(LONG_S)
        super().wait(slot)


def tiny_work(side: int, core: int, label: str = "photo.jpg, face 1") -> FrameWork:
    rng = np.random.default_rng(side)
    padded = side + 2 * TINY_HALO
    return FrameWork(
        rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8),
        rng.uniform(15, 90, (padded // 4, padded // 4)).astype(np.float32),
        frame_positions(side, TINY_HALO),
        mixtures(1, PATTERNS)[0],
        tuple(plan_tiles(side, core)),
        label,
    )


def whole_batch(work: FrameWork) -> TileBatch:
    """A frame as one tile."""
    return TileBatch(work.image[None], work.aging_map[None, None], work.coordinates[None], work.pattern[None])


def test_a_frame_is_freed_with_its_future_and_not_by_a_collection_later() -> None:
    gc.collect()
    gc.disable()
    try:
        with FrameScheduler(NumpyDevice(), HALO) as scheduler:
            made = make_work("photo.jpg", tiles=2)
            work = replace(made, image=made.image.copy())
            future = scheduler.submit(work)
            held = [weakref.ref(one) for one in (work.image, future.result(LONG_S))]
        del work, future
        assert all(one() is None for one in held)
    finally:
        gc.enable()


def test_tiles_of_several_frames_share_a_batch_and_a_lonely_one_does_not_wait() -> None:
    device = HeldDevice(slots=1, batch=4, max_frames=8)
    works = [make_work(f"p{i}", tiles=3 if i == 4 else 2) for i in range(5)]
    with FrameScheduler(device, HALO, linger_s=0.2) as scheduler:
        futures = [scheduler.submit(replace(w)) for w in works[:4]]
        device.wait_for_frames(4)
        device.go.set()
        assert [np.array_equal(f.result(LONG_S), age_frame(w)) for f, w in zip(futures, works, strict=False)]
        # With nothing in flight a batch goes as it is; the others are filled up meanwhile.
        assert device.batches == [2, 4, 2]
        scheduler.submit(works[4]).result(LONG_S)
        counters = scheduler.counters
    assert device.batches == [2, 4, 2, 3]
    assert (counters.frames, counters.tiles, counters.batches, counters.padded_tiles) == (5, 11, 4, 1)
    assert counters.graph_launches == 4
    assert counters.busy_s > 0


def test_tiles_of_other_sizes_share_no_batch_unless_the_core_is_fixed() -> None:
    works = [make_work("p9", 16, 16), make_work("p0", 16, 16), make_work("p1", 32, 8, tiles=2)]
    for fixed, batches in ((False, [1, 1, 2]), (True, [1, 3])):
        device = HeldDevice(slots=1, batch=3, max_frames=3, fixed_core=fixed)
        with FrameScheduler(device, HALO, linger_s=0.5) as scheduler:
            futures = [scheduler.submit(w) for w in works]
            device.wait_for_frames(3)
            device.go.set()
            for future, work in zip(futures, works, strict=True):
                assert np.array_equal(future.result(LONG_S), age_frame(work))
        assert device.batches == batches


def test_submit_blocks_while_too_much_waits() -> None:
    device = HeldDevice(slots=1)
    with FrameScheduler(device, HALO, max_frames=2) as scheduler, ThreadPoolExecutor(1) as pool:
        futures = [scheduler.submit(make_work(f"p{i}")) for i in range(2)]
        third = pool.submit(scheduler.submit, make_work("p2"))
        time.sleep(0.05)
        assert not third.done()
        device.go.set()
        assert np.array_equal(third.result(LONG_S).result(LONG_S), age_frame(make_work("p2")))
        assert all(f.done() for f in futures)


def test_small_frames_may_wait_in_numbers_that_fill_the_batches() -> None:
    device = HeldDevice(slots=1, batch=4, max_frames=99)
    with FrameScheduler(device, HALO) as scheduler, ThreadPoolExecutor(1) as pool:
        small = [pool.submit(scheduler.submit, make_work(f"p{i}", 16)) for i in range(13)]
        assert all(one.result(LONG_S) is not None for one in small[:12])
        time.sleep(0.05)
        assert not small[12].done()
        device.go.set()
        assert np.array_equal(small[12].result(LONG_S).result(LONG_S), age_frame(make_work("p12", 16)))


def test_a_busy_device_likes_fewer_tiles() -> None:
    device = HeldDevice(slots=2)
    device.capabilities = replace(device.capabilities, min_tiles=4)
    with FrameScheduler(device, HALO) as scheduler:
        assert scheduler.likes.min_tiles == 4
        three = scheduler.submit(make_work("p0", tiles=3))
        assert scheduler.likes.min_tiles == 1
        three.cancel()
        scheduler.submit(make_work("p1", tiles=1))
        device.go.set()
    assert scheduler.likes == scheduler.capabilities


def test_a_cancelled_frame_makes_room_at_once() -> None:
    device = HeldDevice(slots=1, max_frames=1)
    with FrameScheduler(device, HALO, max_frames=2) as scheduler:
        first, second = (scheduler.submit(make_work(f"p{i}")) for i in range(2))
        assert second.cancel()
        third = scheduler.submit(make_work("p2"))
        device.go.set()
        assert np.array_equal(first.result(LONG_S), age_frame(make_work("p0")))
        assert np.array_equal(third.result(LONG_S), age_frame(make_work("p2")))
        with pytest.raises(CancelledError):
            second.result(LONG_S)


def test_cancel_and_an_error_in_the_block_end_everything() -> None:
    device = HeldDevice(slots=2)
    with pytest.raises(KeyError), FrameScheduler(device, HALO) as scheduler:
        futures = [scheduler.submit(make_work(f"p{i}")) for i in range(4)]
        threading.Timer(0.05, device.go.set).start()
        raise KeyError
    assert all(f.cancelled() for f in futures)
    assert device.closed
    assert device.broken == []


def test_one_bad_tile_fails_its_frame_and_no_other() -> None:
    works = [make_work(f"p{i}") for i in range(3)]
    bad = works[1].tiles[2]
    device = NumpyDevice(batch=4, max_frames=3, faults=Faults(frozenset({("wait", "p1", bad)})))
    with FrameScheduler(device, HALO) as scheduler:
        futures = [scheduler.submit(w) for w in works]
        for i in (0, 2):
            assert np.array_equal(futures[i].result(LONG_S), age_frame(works[i]))
        with pytest.raises(EngineError) as caught:
            futures[1].result(LONG_S)
    assert str(caught.value) == f"p1, tile {bad} of a frame of 32 px: wait was told to fail"
    assert f"({bad.x0}, {bad.y0})" in str(caught.value)


def test_a_broken_device_fails_all_with_the_reason() -> None:
    device = NumpyDevice(faults=Faults(dies_after=3))
    with FrameScheduler(device, HALO, max_frames=9) as scheduler:
        futures = [scheduler.submit(make_work("p0"))]
        for future in futures:
            with pytest.raises(EngineError, match=r"p0.*the device caught fire"):
                future.result(LONG_S)
        with pytest.raises(EngineError, match="p1 cannot be computed any more: the device caught fire"):
            scheduler.submit(make_work("p1")).result(LONG_S)
    assert device.closed


def test_the_other_device_goes_on_when_one_breaks() -> None:
    devices = [NumpyDevice(slots=1, faults=Faults(dies_after=0)), HeldDevice(slots=1)]
    with FrameScheduler(devices, HALO, max_frames=9) as scheduler:
        futures = [scheduler.submit(make_work(f"p{i}")) for i in range(6)]
        devices[1].go.set()
        failed = [f for f in futures if f.exception(LONG_S)]
        assert len(failed) <= 1
        assert np.array_equal(scheduler.submit(make_work("p9")).result(LONG_S), age_frame(make_work("p9")))


def test_a_thread_that_fails_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    class Unreachable(NumpyDevice):
        def attach(self) -> None:
            raise OSError("no such device")

    refused = pytest.raises(EngineError, match="OSError: no such device")
    with FrameScheduler(Unreachable(), HALO) as scheduler, refused:
        scheduler.submit(make_work("p0")).result(LONG_S)
    assert "a thread of the scheduler failed" in caplog.text


def test_frames_are_spread_over_devices() -> None:
    devices = [HeldDevice(slots=1, max_frames=1), HeldDevice(slots=1, max_frames=1)]
    with FrameScheduler(devices, HALO) as scheduler:
        assert scheduler.capabilities.in_flight == 2
        assert scheduler.capabilities.device == "test, test"
        futures = [scheduler.submit(make_work(f"p{i}", 16)) for i in range(4)]
        for device in devices:  # one that is let go before may take all frames
            device.wait_for_frames(1)
        for device in devices:
            device.go.set()
        assert all(
            np.array_equal(f.result(LONG_S), age_frame(make_work(f"p{i}", 16))) for i, f in enumerate(futures)
        )
    assert all(device.batches for device in devices)
    with pytest.raises(EngineError, match="at least one device"):
        FrameScheduler([], HALO)


def test_closing_finishes_what_was_submitted_and_takes_no_more() -> None:
    scheduler = FrameScheduler(NumpyDevice(sleep_s=0.001), HALO)
    futures = [scheduler.submit(make_work(f"p{i}")) for i in range(4)]
    scheduler.close()
    scheduler.close()
    assert all(f.done() for f in futures)
    with pytest.raises(EngineError, match="p7 came after the scheduler was closed"):
        scheduler.submit(make_work("p7"))


def test_a_frame_without_tiles_is_the_input_itself() -> None:
    with FrameScheduler(NumpyDevice(), HALO) as scheduler:
        work = replace(make_work("p0"), tiles=())
        aged = scheduler.submit(work).result(LONG_S)
        assert np.array_equal(aged, work.image[HALO:-HALO, HALO:-HALO])
        assert not np.shares_memory(aged, work.image)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": np.zeros((40, 44, 3), np.uint8)}, "must be a square uint8 frame with 4 px of halo"),
        ({"image": np.zeros((40, 40, 3), np.float32)}, "not float32"),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, "multiple of 4 px, not uint8"),
        ({"aging_map": np.zeros((10, 9), np.float32)}, r"must be float32 \(10, 10\), not float32 \(10, 9\)"),
        ({"aging_map": np.zeros((10, 10))}, "not float64"),
        ({"coordinates": np.zeros((3, 10, 10), np.float32)}, r"coordinates must be float32 \(4, 10, 10\)"),
        ({"coordinates": np.zeros((4, 10, 10))}, "not float64"),
        ({"pattern": np.zeros((1, 3), np.float32)}, r"pattern must be float32 \[K\], not float32 \(1, 3\)"),
        ({"tiles": (Tile(24, 0, 16, 16),)}, r"tile 16x16 px at \(24, 0\) does not fit into a frame of 32 px"),
        ({"tiles": (Tile(2, 0, 16, 16),)}, "does not fit"),
        ({"tiles": (Tile(0, 0, 0, 16),)}, "does not fit"),
        ({"tiles": (Tile(0, 0, 32, 32),)}, "is larger than the 16x16 px that NumPy takes"),
    ],
)
def test_frames_that_make_no_sense(change: dict[str, Any], says: str) -> None:
    device = NumpyDevice(fixed_core=True)
    with FrameScheduler(device, HALO) as scheduler, pytest.raises(EngineError, match=f"p0: .*{says}"):
        scheduler.submit(replace(make_work("p0"), **change))


def test_openvino_gives_the_pixels_of_the_engine_alone(tiny_bundle: Path) -> None:
    engine = OpenVinoEngine(Bundle.open(tiny_bundle), "f32")
    works = [tiny_work(64, core, f"p{core}") for core in (64, 32, 24)]
    whole = []
    for work in works:
        whole.append(engine.wait(engine.submit(whole_batch(work)))[0])
    device = HostTileDevice(engine, TINY_HALO)
    assert isinstance(device, TileDevice)
    with FrameScheduler(device, TINY_HALO) as scheduler, ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda i: scheduler.submit(works[i % 3]).result(LONG_S), range(12)))
        assert scheduler.counters.tiles == 4 * sum(len(w.tiles) for w in works)
        assert scheduler.counters.graph_launches == 0
    for i, aged in enumerate(results):
        assert np.array_equal(aged, whole[i % 3])
    with pytest.raises(EngineError, match="after the engine was closed"):
        engine.submit(whole_batch(works[0]))


def test_openvino_leaves_pixels_off_the_tiles_alone(tiny_bundle: Path) -> None:
    work = tiny_work(64, 32)
    some = replace(work, tiles=work.tiles[1:2])
    with open_scheduler(Bundle.open(tiny_bundle), "cpu", "f32") as scheduler:
        whole, part = (scheduler.submit(w).result(LONG_S) for w in (work, some))
    before = work.image[TINY_HALO:-TINY_HALO, TINY_HALO:-TINY_HALO]
    assert np.array_equal(part, stitch(before, [(some.tiles[0], whole[some.tiles[0].core])]))
    assert not np.array_equal(part, before)


def test_an_engine_that_fails_names_photo_face_and_rectangle(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVinoEngine(Bundle.open(tiny_bundle), "f32")
    submit = engine.submit

    def failing(batch: TileBatch) -> Any:
        if batch.coordinates[0, 0, 0, 0] > -1:  # not at the frame's left edge
            raise EngineError(f"it dislikes {batch.label}")
        return submit(batch)

    monkeypatch.setattr(engine, "submit", failing)
    with FrameScheduler(HostTileDevice(engine, TINY_HALO), TINY_HALO) as scheduler:
        with pytest.raises(EngineError) as caught:
            scheduler.submit(tiny_work(64, 32)).result(LONG_S)
        said = "photo.jpg, face 1, tile 32x32 px at (32, 0) of a frame of 64 px: it dislikes the tile"
        assert str(caught.value) == said
        device = HostTileDevice(engine, TINY_HALO)
        for call in (device.launch, device.wait):
            with pytest.raises(EngineError, match="slot 0"):
                call(0)


def test_devices_that_there_are_not(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="'tpu' is not known"):
        open_scheduler(Bundle.open(tiny_bundle), "tpu")
