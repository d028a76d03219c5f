"""The scheduler on a device that checks the rules: thousands of schedules, delays, failures, cancelling."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.numpy_device import HALO, Faults, NumpyDevice, age_frame, make_work

from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.scheduler.worker import DeviceWorker
from amgan.runtime.engines.tiles import Tile
from amgan.runtime.errors import EngineError

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


@functools.cache
def expected(work: FrameWork) -> np.ndarray:
    return age_frame(work)


@dataclass(frozen=True)
class Schedule:
    """One short life of a scheduler."""

    works: tuple[FrameWork, ...]
    devices: tuple[dict[str, Any], ...]
    limit: int
    linger_s: float
    cancel: frozenset[int]
    cancel_all: bool
    threads: int


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    works = tuple(
        make_work(
            f"p{i}", draw(st.sampled_from([16, 32])), draw(st.sampled_from([8, 16])), draw(st.integers(0, 5))
        )
        for i in range(draw(st.integers(1, 5)))
    )
    methods = ["gather", "launch", "stitch", "wait", "begin_frame", "end_frame", "finish_frame"]
    calls = set()
    for work in draw(st.lists(st.sampled_from(works), max_size=2)):
        method = draw(st.sampled_from(methods))
        tile = draw(st.sampled_from(work.tiles)) if work.tiles and not method.endswith("frame") else None
        calls.add((method, work.label, tile))
    death = draw(st.one_of(st.none(), st.none(), st.integers(0, 40)))
    devices = tuple(
        {
            "slots": draw(st.integers(1, 3)),
            "batch": draw(st.integers(1, 4)),
            "max_frames": draw(st.integers(1, 3)),
            "fixed_core": draw(st.booleans()),
            "seed": draw(st.integers(0, 999)),
            "faults": Faults(frozenset(calls), draw(st.booleans()), death),
            "sleep_s": draw(st.sampled_from([0.0, 0.0, 0.0004])),
        }
        for _ in range(draw(st.integers(1, 2)))
    )
    return Schedule(
        works,
        devices,
        draw(st.integers(1, 4)),
        draw(st.sampled_from([0.0, 0.0005])),
        draw(st.frozensets(st.integers(0, 4), max_size=2)),
        draw(st.booleans()) and draw(st.booleans()),
        draw(st.integers(1, 2)),
    )


def run(
    schedule: Schedule,
) -> tuple[list[NumpyDevice], list[Future[np.ndarray] | EngineError], FrameScheduler]:
    devices = [NumpyDevice(**options) for options in schedule.devices]
    scheduler = FrameScheduler(devices, HALO, max_frames=schedule.limit, linger_s=schedule.linger_s)
    results: list[Any] = [None] * len(schedule.works)

    def submit(start: int) -> None:
        for i in range(start, len(schedule.works), schedule.threads):
            try:
                results[i] = scheduler.submit(schedule.works[i])
                if i in schedule.cancel:
                    results[i].cancel()
            except EngineError as error:
                results[i] = error

    threads = [threading.Thread(target=submit, args=(k,), daemon=True) for k in range(schedule.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
        assert not thread.is_alive(), "a submit blocks for ever"
    if schedule.cancel_all:
        scheduler.cancel()
    closing = threading.Thread(target=scheduler.close, daemon=True)
    closing.start()
    closing.join(LONG_S)
    assert not closing.is_alive(), "the scheduler never closes"
    return devices, results, scheduler


def hold_to(schedule: Schedule) -> None:
    """Run a schedule and hold the scheduler to its promises."""
    devices, results, scheduler = run(schedule)
    for device in devices:
        assert device.broken == []
        assert device.closed
        assert device.at_rest or device.fault
    died = any(device.fault for device in devices)
    ordered = {call for options in schedule.devices for call in options["faults"].calls}
    good = 0
    for i, (work, result) in enumerate(zip(schedule.works, results, strict=True)):
        if isinstance(result, EngineError):
            assert died
            continue
        assert result.done(), "a future was forgotten"
        if result.cancelled():
            assert i in schedule.cancel or schedule.cancel_all
        elif error := result.exception():
            check_error(str(error), work, [call for call in ordered if call[1] == work.label], died)
        else:
            good += bool(work.tiles)
            assert np.array_equal(result.result(), expected(work))
    counters = scheduler.counters
    assert counters.frames >= good
    assert counters.batches == sum(len(device.batches) for device in devices)
    assert counters.graph_launches == sum(device.graph_launches for device in devices)
    assert counters.tiles <= sum(sum(device.batches) for device in devices)


def check_error(text: str, work: FrameWork, ordered: list[tuple[str, str, Tile | None]], died: bool) -> None:
    """A frame fails only for a reason of its own, which names the frame and the tile."""
    assert work.label in text
    reasons = []
    for method, _, tile in ordered:
        place = f"{work.label}, tile {tile} of a frame of {work.frame_px(HALO)} px" if tile else work.label
        reasons.append(f"{place}: {method} was told to fail")
    assert died or text in reasons


@settings(max_examples=200)
@given(schedules())
def test_every_schedule_ends_well(schedule: Schedule) -> None:
    for seed in range(2):
        devices = tuple({**options, "seed": options["seed"] + seed} for options in schedule.devices)
        hold_to(replace(schedule, devices=devices))


def never_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NumpyDevice, "drop_frame", lambda self, frame: None)


def ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = NumpyDevice.begin_frame

    def begun_and_ended(self: NumpyDevice, work: FrameWork) -> Any:
        frame = begin(self, work)
        self.end_frame(frame)
        return frame

    monkeypatch.setattr(NumpyDevice, "begin_frame", begun_and_ended)
    monkeypatch.setattr(DeviceWorker, "_end", lambda self, task: None)


def never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceWorker, "_wait_for", lambda self, batch: self._batch_done(batch, None))


def loses_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NumpyDevice, "abandon", lambda self, slot: None)


@pytest.mark.parametrize("mistake", [never_drops, ends_early, never_waits, loses_slots])
def test_the_rules_catch_mistakes(
    monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None]
) -> None:
    mistake(monkeypatch)
    works = tuple(make_work(f"p{i}") for i in range(4))
    faults = Faults(frozenset({("stitch", "p1", works[1].tiles[0])}))
    devices = ({"slots": 2, "max_frames": 4, "faults": faults},)
    with pytest.raises(AssertionError):
        hold_to(Schedule(works, devices, 4, 0.0, frozenset(), False, 1))
