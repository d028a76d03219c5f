"""The scheduler over a GPU with the times of an H100, in simulated time: its load, and how long a face waits.

The times of tiles come from a calculation of the network's traffic, not from a GPU.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.simulated_gpu import (
    BEGIN_CALLS,
    END_CALLS,
    GATHER_CALLS,
    LAUNCH_CALLS,
    STITCH_CALLS,
    SimulatedGpu,
    Times,
)
from support.simulated_time import World

from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler import backlog, batches, worker
from amgan.runtime.engines.scheduler import scheduler as scheduler_module
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import plan_tiles

HALO = 44


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    for module in (backlog, worker):
        monkeypatch.setattr(module, "threading", made.threading)
    for module in (worker, batches):
        monkeypatch.setattr(module, "time", made.time)
    return made


def make_frame(side: int, core: int, label: str = "p") -> FrameWork:
    padded = side + 2 * HALO
    image = np.zeros((padded, padded, 3), np.uint8)
    ages = np.zeros((padded // 4, padded // 4), np.float32)
    places = np.zeros((4, padded // 4, padded // 4), np.float32)
    return FrameWork(
        image, ages, places, np.ones(1, np.float32), tuple(plan_tiles(side, core, fixed=True)), label
    )


def run_many(world: World, gpu: SimulatedGpu, work: FrameWork, count: int) -> float:
    """Give the scheduler frames as fast as it takes them; returns the seconds until all were back."""
    scheduler = FrameScheduler(gpu, HALO)
    futures = [scheduler.submit(work) for _ in range(count)]
    world.leave()
    scheduler.close()
    assert all(future.result(0).size for future in futures)
    return world.now


def run_alone(world: World, gpu: SimulatedGpu, work: FrameWork) -> float:
    """Give the scheduler one frame; returns the seconds until it was back."""
    scheduler = FrameScheduler(gpu, HALO)
    done = world.threading.Condition()
    future = scheduler.submit(work)

    def tell(_: object) -> None:
        with done:
            done.notify_all()

    future.add_done_callback(tell)
    with done:
        done.wait_for(future.done)
    took = world.now
    world.leave()
    scheduler.close()
    return took


@pytest.mark.parametrize(
    ("tile_ms", "side", "core", "busy"),
    [
        (1.0, 1024, 1024, 0.95),
        (0.5, 1024, 1024, 0.95),
        (0.4, 1024, 1024, 0.85),
        (0.13, 1024, 256, 0.95),
        (0.13, 256, 256, 0.95),
    ],
)
def test_a_gpu_is_kept_busy(world: World, tile_ms: float, side: int, core: int, busy: float) -> None:
    gpu = SimulatedGpu(world, Times(tile=tile_ms / 1000), core)
    took = run_many(world, gpu, make_frame(side, core), 400)
    assert gpu.busy_share(0.0, took) >= busy
    if tile_ms >= 0.5 or side == 256:
        # But for the first ones, batches are full; faster tiles are waited for.
        assert np.mean(gpu.batches) > 7


def test_kernels_take_few_calls_where_copies_take_many(world: World) -> None:
    gpu = SimulatedGpu(world, Times(tile=0.13e-3), 256)
    run_many(world, gpu, make_frame(1024, 256), 10)
    rounds = GATHER_CALLS + LAUNCH_CALLS + STITCH_CALLS
    assert gpu.calls == len(gpu.batches) * rounds + 10 * (BEGIN_CALLS + END_CALLS)


def test_the_simulation_shows_what_copies_cost(world: World) -> None:
    gpu = SimulatedGpu(world, Times(tile=0.02e-3), 256, kernels=False)
    took = run_many(world, gpu, make_frame(1024, 256), 100)
    assert gpu.busy_share(0.0, took) < 0.5


def test_the_simulation_shows_what_too_few_frames_cost(world: World) -> None:
    gpu = SimulatedGpu(world, Times(tile=0.4e-3), max_frames=4)
    took = run_many(world, gpu, make_frame(1024, 1024), 100)
    assert gpu.busy_share(0.0, took) < 0.85
    assert np.mean(gpu.batches) < 3


def test_what_waits_on_the_gpu_is_counted_in_tiles(world: World) -> None:
    gpu = SimulatedGpu(world, Times(), 256, max_frames=1000)
    run_many(world, gpu, make_frame(1024, 256), 100)
    assert gpu.most_frames <= 2 * 3 * 8 / 16 + 3


@pytest.mark.parametrize(("side", "core", "tile_ms"), [(256, 256, 0.13), (1024, 1024, 0.79)])
def test_one_face_alone_waits_for_nothing(world: World, side: int, core: int, tile_ms: float) -> None:
    gpu = SimulatedGpu(world, Times(tile=tile_ms / 1000), core)
    work = make_frame(side, core)
    took = run_alone(world, gpu, work)
    assert took == pytest.approx(gpu.alone_s(work), rel=1e-9)
    assert gpu.alone_s(work) < tile_ms / 1000 + 0.00095


def test_faces_that_come_one_by_one_share_batches_only_while_the_gpu_works(world: World) -> None:
    """Three callers, each of which waits for its face: nobody pays the linger of 2 ms."""
    gpu = SimulatedGpu(world, Times(tile=0.13e-3), 256)
    scheduler = FrameScheduler(gpu, HALO)
    work = make_frame(256, 256)
    waits: list[float] = []
    done = world.threading.Condition()

    def caller() -> None:
        for _ in range(20):
            start = world.now
            future = scheduler.submit(work)

            def tell(_: object) -> None:
                with done:
                    done.notify_all()

            future.add_done_callback(tell)
            with done:
                done.wait_for(future.done)
            waits.append(world.now - start)

    threads = [world.threading.Thread(target=caller) for _ in range(3)]
    for thread in threads:
        thread.start()
    world.leave()
    for thread in threads:
        thread.join()
    scheduler.close()
    assert len(waits) == 60
    assert max(waits) < 4 * gpu.alone_s(work) < scheduler_module.LINGER_S


def test_simulated_time_needs_no_real_time_and_stands_still_while_somebody_works(world: World) -> None:
    order: list[tuple[str, float]] = []

    def sleeper(name: str, seconds: float) -> None:
        for _ in range(2):
            world.sleep(seconds)
            order.append((name, world.now))

    threads = [world.threading.Thread(target=sleeper, args=a) for a in (("a", 1000.0), ("b", 1500.0))]
    for thread in threads:
        thread.start()
    assert world.now == 0.0
    world.leave()
    for thread in threads:
        thread.join(600)
    assert order == [("a", 1000.0), ("b", 1500.0), ("a", 2000.0), ("b", 3000.0)]
    assert isinstance(threads[0], threading.Thread)
