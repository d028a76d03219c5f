"""The engine alone on one whole frame: tile size x batch size x batches in flight."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from amgan.benchmarking import engines
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.openvino import OpenVinoEngine


@pytest.fixture(scope="module")
def engine(bundle: Bundle) -> Iterator[OpenVinoEngine]:
    opened = OpenVinoEngine(bundle)
    yield opened
    opened.close()


@pytest.mark.parametrize("in_flight", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("tile_share", [1, 2, 4])
def bench_tiles(
    in_turn: Any, benchmark: Any, bundle: Bundle, engine: Any, arrays: Any, size: Any,
    tile_share: int, batch: int, in_flight: int,
) -> None:  # fmt: skip
    core = size.frame_px // tile_share
    if batch > tile_share**2 or in_flight * batch > tile_share**2:
        pytest.skip("the frame has fewer tiles than that")
    if size.rounds < 5 and (tile_share, batch, in_flight) not in ((1, 1, 1), (2, 4, 1), (4, 1, 3)):
        pytest.skip("the short form tries three ways")
    benchmark.extra_info.update(core_px=core, batch=batch, in_flight=in_flight)
    halo = bundle.manifest.halo_px
    way = partial(engines.age_in_cores, engine, halo, arrays, core, batch=batch, in_flight=in_flight)
    in_turn(way, engine.capabilities.precision)
