"""Timing in turn, and statistics of the times."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

Contender = Callable[[], object]


@contextmanager
def no_collection() -> Iterator[None]:
    """Disable Python's garbage collector inside the block."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


MOST_SPREAD = 0.10
"""Largest variation of a ratio, and of the reference compared with itself, for a claim."""


def measure_in_turn(
    contenders: Mapping[str, Contender],
    rounds: int,
    warm_up: int = 1,
    done: Callable[[str], None] = lambda name: None,
    cpu: dict[str, list[float]] | None = None,
) -> dict[str, list[float]]:
    """Seconds of every run of every contender, in turn (A B C ... A B C ...).

    In turn, so that a slow period of the machine affects all alike. ``warm_up`` rounds run first and are not
    recorded; ``done`` is called after each run. ``cpu`` receives the CPU seconds of each run, all threads
    together.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    with no_collection():
        for number in range(-warm_up, rounds):
            for name, contender in contenders.items():
                start, busy = time.perf_counter(), time.process_time()
                contender()
                took, busy = time.perf_counter() - start, time.process_time() - busy
                if number >= 0:
                    seconds[name].append(took)
                    if cpu is not None:
                        cpu.setdefault(name, []).append(busy)
                done(name)
    return seconds


def times_faster(seconds: Sequence[float], reference: Sequence[float]) -> float:
    """Speed relative to the reference: the median of the ratios within a turn."""
    return statistics.median(r / s for s, r in zip(seconds, reference, strict=True))


def spread(seconds: Sequence[float], reference: Sequence[float]) -> float:
    """Variation of the ratios relative to their median: half the range of the middle 80 %."""
    ratios = np.array(reference) / np.array(seconds)
    low, middle, high = np.percentile(ratios, (10, 50, 90))
    return float((high - low) / (2 * middle))


def noise(reference: Sequence[float], again: Sequence[float]) -> float:
    """Error of a ratio of this run: the difference of the reference from itself, or its variation."""
    return max(abs(times_faster(again, reference) - 1.0), spread(again, reference))


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and high percentiles of times in s."""
    p50, p95, p99 = np.percentile(np.array(seconds), (50, 95, 99))
    return {"p50_s": float(p50), "p95_s": float(p95), "p99_s": float(p99)}
