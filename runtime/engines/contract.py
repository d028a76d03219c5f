"""Engines: what turns tiles into aged tiles, behind one small protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..bundle.precision import Precision
from ..errors import EngineError

CELL_PX = 4
GENERATOR_INPUTS = ("image", "aging_map", "coordinates", "pattern")
"""What every generator takes, in the order of its file; fields of TileBatch have the same names."""
PLACE_PLANES = 4
"""Planes of the input ``coordinates``."""


@dataclass(frozen=True, eq=False)
class TileBatch:
    """Input of an engine: N tiles of one size, with their halo.

    ``image`` uint8 [N, H, W, 3] RGB, H and W multiples of 4; ``aging_map`` float32 [N, 1, H/4, W/4], the
    wanted less the present age in years; ``coordinates`` float32 [N, 4, H/4, W/4]: u, v, inside and scale of
    every cell; ``pattern`` float32 [N, K] mixing weights (see amgan.runtime.face). ``label`` names the tiles
    in error messages.
    """

    image: NDArray[np.uint8]
    aging_map: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    pattern: NDArray[np.float32]
    label: str = "tile"

    def check(self) -> None:
        """Raise EngineError, naming the tile, when an array's type or shape breaks the contract."""
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
    """A size of tiles that an engine computes: sides of their cores in px, and the most tiles of a batch."""

    width: int
    height: int
    batch: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.width, self.height

    def holds(self, width: int, height: int) -> bool:
        """Whether a tile of so many px fits into it."""
        return width <= self.width and height <= self.height


@dataclass(frozen=True)
class Capabilities:
    """What an engine is and likes.

    ``max_core_px`` is the largest side of a tile's core that it computes best; ``in_flight`` how many
    batches one caller should have in flight; ``batch`` the most tiles that one batch may have. With
    ``fixed_core`` every tile costs as much as the smallest of ``cores`` that holds it, and one of them must;
    ``cores`` go up by their area, and are one square of ``max_core_px`` where nothing else is said.
    ``min_tiles`` is
    into how many tiles a large frame should be cut at least, so that it keeps the whole engine busy by
    itself. ``reason`` says in one sentence why this engine was chosen, where that was left to us.
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
        """With ``fixed_core``, as what size a tile of so many px is computed; the largest where none holds
        it.
        """
        cores = self.all_cores
        return next((core for core in cores if core.holds(width, height)), cores[-1])

    @property
    def all_cores(self) -> tuple[CoreSize, ...]:
        """``cores``, or with ``fixed_core`` the one size that there is."""
        return self.cores or (CoreSize(self.max_core_px, self.max_core_px, self.batch),)


class Ticket(Protocol):
    """A batch in flight: hand it to `Engine.wait` of the engine that gave it, once."""

    @property
    def label(self) -> str:
        """Names the tiles in error messages."""


@runtime_checkable
class Engine(Protocol):
    """Ages tiles; safe to share between threads."""

    @property
    def capabilities(self) -> Capabilities:
        """What the engine is and likes."""

    def submit(self, batch: TileBatch) -> Ticket:
        """Start on a batch and return at once; raises EngineError. The arrays must not change until wait."""

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""

    def close(self) -> None:
        """Give the engine's memory back; submitting afterwards raises EngineError."""
