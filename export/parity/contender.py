"""A contender of the parity check: a name, and how to open it as a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from amgan.runtime.engines.contract import GENERATOR_INPUTS, TileBatch
from amgan.runtime.errors import AmganError

INPUTS = {"generator": GENERATOR_INPUTS, "estimator": ("image",)}
Array = NDArray[Any]
Run = Callable[[tuple[Array, ...]], Array]


class NotRun(AmganError):
    """A contender cannot run on this machine; the message says why."""


@dataclass(frozen=True, eq=False)
class Contender:
    """One file in one engine, to be compared with the reference; see Result for the fields.

    ``open`` returns the function from inputs to output; it raises NotRun where this machine cannot run it.
    """

    name: str
    role: str
    precision: str
    file: str
    arithmetic: str
    open: Callable[[], Run]


def as_tiles(arrays: tuple[Array, ...]) -> TileBatch:
    """A generator's inputs as a batch for an engine."""
    image, ages, coordinates, pattern = arrays
    return TileBatch(image, ages, coordinates, pattern, "the picture")
