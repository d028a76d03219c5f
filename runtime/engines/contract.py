"""The protocol of engines, which run the generator on batches of tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..bundle.precision import Precision
from ..errors import EngineError

CELL_PX = 4
GENERATOR_INPUTS = ("image", "aging_map", "coordinates", "pattern")
"""Inputs of every generator in the order of its file; the fields of TileBatch have the same names."""
COORDINATE_PLANES = 4
"""Planes of the input ``coordinates``."""


@dataclass(frozen=True, eq=False)
class TileBatch:
    """Input of an engine: N tiles of one size, halo included.

    ``image`` uint8 [N, H, W, 3] RGB, H and W multiples of 4; ``aging_map`` float32 [N, 1, H/4, W/4], the
    wanted minus the present age in years; ``coordinates`` float32 [N, 4, H/4, W/4]: u, v, inside and scale of
    every cell; ``pattern`` float32 [N, K] mixing weights (see face/pattern.py). ``label`` names the tiles in
    error messages.
    """

    image: NDArray[np.uint8]
    aging_map: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    pattern: NDArray[np.float32]
    label: str = "tile"

    def check(self) -> None:
        """Raise EngineError, naming the tile, if an array has a wrong type or shape."""
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 4 or image.shape[3] != 3:
            raise EngineError(
                f"{self.label}: the image must be uint8 [N, H, W, 3], not {image.dtype} {image.shape}"
            )
        n, height, width = image.shape[:3]
        if not n or not height or not width or height % CELL_PX or width % CELL_PX:
            raise EngineError(f"{self.label}: {width}x{height} px is not a multiple of {CELL_PX} px each way")
        for name, array, shape in (
            ("aging_map", self.aging_map, (n, 1, height // CELL_PX, width // CELL_PX)),
            ("coordinates", self.coordinates, (n, 4, height // CELL_PX, width // CELL_PX)),
            ("pattern", self.pattern, (n, *self.pattern.shape[-1:])),
        ):
            if array.dtype != np.float32 or array.shape != shape:
                raise EngineError(
                    f"{self.label}: {name} must be float32 {shape}, not {array.dtype} {array.shape}"
                )


@dataclass(frozen=True)
class CoreSize:
    """A tile size of an engine: width and height of the core in px, and the largest batch."""

    width: int
    height: int
    batch: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.width, self.height

    def holds(self, width: int, height: int) -> bool:
        """Whether a tile of this size in px fits into it."""
        return width <= self.width and height <= self.height


@dataclass(frozen=True)
class Capabilities:
    """The properties of an engine and its preferred tiling.

    ``max_core_px`` is the recommended maximum side of a tile's core; ``in_flight`` the recommended number of
    batches in flight per caller; ``batch`` the maximum number of tiles per batch. With ``fixed_core`` a tile
    costs as much as the smallest of ``cores`` that holds it, and one of them must hold it; ``cores`` are
    sorted by area, and default to a square of ``max_core_px``. ``min_tiles`` is the minimum number of tiles
    into which a large frame should be cut, so that it keeps the whole engine busy. ``reason`` says in one
    sentence why this engine was chosen, if it was chosen automatically.
    """

    name: str
    device: str
    precision: Precision
    max_core_px: int
    in_flight: int
    batch: int = 1
    fixed_core: bool = False
    min_tiles: int = 1
    reason: str = ""
    cores: tuple[CoreSize, ...] = ()

    def core_of(self, width: int, height: int) -> CoreSize:
        """With ``fixed_core``, the size at which a tile is computed; the largest if none holds it."""
        cores = self.all_cores
        return next((core for core in cores if core.holds(width, height)), cores[-1])

    @property
    def all_cores(self) -> tuple[CoreSize, ...]:
        """``cores``, or with ``fixed_core`` and no ``cores`` the default size."""
        return self.cores or (CoreSize(self.max_core_px, self.max_core_px, self.batch),)


class Ticket(Protocol):
    """A batch in flight, to be passed to `Engine.wait` of the same engine exactly once."""

    @property
    def label(self) -> str:
        """The name of the tiles in error messages."""


@runtime_checkable
class Engine(Protocol):
    """Runs the generator on tiles; thread-safe."""

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine."""

    def submit(self, batch: TileBatch) -> Ticket:
        """Start a batch without blocking; raises EngineError. The arrays must not change until `wait`."""

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""

    def close(self) -> None:
        """Free the engine's memory; submitting afterwards raises EngineError."""
