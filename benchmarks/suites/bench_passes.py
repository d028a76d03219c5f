"""The generator in OpenVINO after each simplification pass, compared with the plain one.

All are converted by OpenVINO from PyTorch, for one tile, on all cores, so only the graphs differ. The last
one is node for node the graph that `amgan export` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from amgan.benchmarking.graphs import after_passes, open_graph
from amgan.benchmarking.parity import judge, tolerances_of
from amgan.export.simplify import PASSES
from amgan.export.simplify.passes import measure
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.openvino_network import cpu_has_bf16

NAMES = ("plain", *(step.__name__ for step in PASSES))


def available() -> tuple[str, ...]:

    has_bf16 = cpu_has_bf16()
    return ("f32", "bf16") if has_bf16 else ("f32",)


@pytest.fixture(scope="module")
def open_plain(generator: Any, arrays: Any) -> Callable[[str], Any]:
    """The plain graph in a precision; cached."""
    opened: dict[str, Any] = {}

    def get(precision: str) -> Any:
        if precision not in opened:
            opened[precision] = open_graph(after_passes(generator, ()), arrays, precision)
        return opened[precision]

    return get


@pytest.mark.parametrize("precision", available())
@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def bench_pass(
    in_turn: Any, benchmark: Any, bundle: Bundle, generator: Any, arrays: Any, wanted: np.ndarray,
    open_plain: Any, size: Any, number: int, precision: str,
) -> None:  # fmt: skip
    if size.rounds < 5 and (number not in (0, len(PASSES)) or precision != available()[-1]):
        pytest.skip("the short form tries two graphs in one precision")
    network = after_passes(generator, PASSES[:number])
    report = measure(NAMES[number], network)
    benchmark.extra_info.update(
        after=NAMES[number], precision=precision, operations=report.operations, gflop=report.gflop
    )
    way = open_graph(network, arrays, precision) if number else open_plain(precision)
    parity = judge(way(), wanted, precision, tolerances_of(bundle.manifest))
    in_turn(way, reference=open_plain(precision), parity=parity)
