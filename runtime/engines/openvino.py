"""The CPU engine: OpenVINO, in bf16 if the CPU supports it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.bundle import Bundle
from ..bundle.precision import Precision
from ..errors import EngineError
from ..machine import count_cores
from .contract import CELL_PX, COORDINATE_PLANES, GENERATOR_INPUTS, Capabilities, Ticket, TileBatch
from .openvino_cells import GROUP_PX, HEADS, PLANES, SEEN, Memory, PixelCells
from .openvino_cut import read_cells, without_pixels
from .openvino_network import choose_precision, compile_network, last_line, load_openvino

MAX_CORE_PX = 640
MAX_STREAMS = 4


@dataclass(frozen=True, eq=False)
class _Desk:
    """An inference request, and the memory of its inputs and its output if the network is cut."""

    request: Any
    memory: Memory = field(default_factory=Memory)


@dataclass(eq=False)
class _InFlight:
    """A batch in flight. Keeps the arrays alive that the inference request reads."""

    batch: TileBatch
    made: NDArray[Any]
    desk: _Desk | None

    @property
    def label(self) -> str:
        return self.batch.label


class OpenVinoEngine:
    """Runs a bundle's generator on the CPU.

    Compiled once, for any tile size. Submitting never blocks: a pool of inference requests grows with the
    number of batches in flight, so threads that share the engine cannot deadlock on each other's tickets.
    """

    def __init__(self, bundle: Bundle, precision: str | None = None) -> None:
        """Compile the bundle's generator; ``precision`` is "fp32", "bf16" or None (bf16 if supported).

        Raises UsageError for another precision, EngineError if the CPU does not support it or the file cannot
        be compiled, and BundleError if the file's inputs differ from GENERATOR_INPUTS.
        """
        manifest = bundle.manifest
        file = bundle.file("generator", Precision.FP32)
        self._open(file, manifest.halo_px, manifest.tile_multiple, precision, bundle.digest(file))

    @classmethod
    def of_file(
        cls, file: Path, halo_px: int, tile_multiple: int, precision: str | None = None
    ) -> OpenVinoEngine:
        """Open a generator file outside a bundle; tile sides are multiples of ``tile_multiple`` px."""
        engine = cls.__new__(cls)
        engine._open(file, halo_px, tile_multiple, precision)
        return engine

    def _open(
        self, file: Path, halo_px: int, tile_multiple: int, precision: str | None, digest: str | None = None
    ) -> None:
        used = choose_precision(None if precision is None else Precision.parse(precision))
        self._halo = halo_px
        # One tile per core takes a quarter less time than all cores on one tile. One more tile than streams
        # is queued inside OpenVINO, so that no stream waits for Python.
        streams = min(count_cores(), MAX_STREAMS)
        # Any size works. Without a lower bound OpenVINO has to expect empty layers and copies a tensor
        # wherever a convolution reads a slice, which costs 5 % of the time.
        side = 2 * halo_px + tile_multiple
        cells = side // CELL_PX
        least = {
            "image": (1, side, side, 3),
            "aging_map": (1, 1, cells, cells),
            "coordinates": (1, COORDINATE_PLANES, cells, cells),
            "pattern": (1, 1),
        }
        # In fp32 the file is computed as it is: it is what other precisions are compared with.
        self._cells = read_cells(load_openvino(), file, digest) if used is Precision.BF16 else None
        cut = None if self._cells is None else without_pixels
        self._model = compile_network(
            file, used, inputs=GENERATOR_INPUTS, least=least, streams=streams, cut=cut, digest=digest
        )
        self._capabilities = Capabilities(
            "OpenVINO", "cpu", used, MAX_CORE_PX, streams + 1, min_tiles=streams
        )
        self._free: list[_Desk] = []
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine."""
        return self._capabilities

    def submit(self, batch: TileBatch) -> Ticket:
        """Start a batch without blocking; raises EngineError, naming the tile."""
        batch.check()
        with self._lock:
            model = self._model
            desk = self._free.pop() if self._free else None
        if model is None:
            raise EngineError(f"{batch.label} came after the engine was closed: open a new one")
        arrays = {name: np.ascontiguousarray(getattr(batch, name)) for name in GENERATOR_INPUTS}
        batch = TileBatch(**arrays, label=batch.label)
        try:
            desk = desk or _Desk(model.create_infer_request())
            made = self._receive(desk, batch)
            inputs = arrays if self._cells is None else _cut_inputs(self._cells, batch, desk.memory)
            desk.request.start_async(inputs, share_inputs=True)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"OpenVINO could not start on {batch.label}: {last_line(error)}") from error
        return _InFlight(batch, made, desk)

    def _receive(self, desk: _Desk, batch: TileBatch) -> NDArray[Any]:
        """Bind output memory to a request, which avoids a copy: new memory, unless it is read here."""
        openvino = load_openvino()

        n, height, width = batch.image.shape[:3]
        height, width = max(height - 2 * self._halo, 0), max(width - 2 * self._halo, 0)
        if self._cells is None:
            made: NDArray[Any] = np.empty((n, height, width, 3), np.uint8)
            tensor = openvino.Tensor(made, shared_memory=True)
        else:
            made = desk.memory.halves("change", (n, HEADS, height // GROUP_PX, width // GROUP_PX))
            tensor = _as_bf16(made)
        desk.request.set_output_tensor(0, tensor)
        return made

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""
        if not isinstance(ticket, _InFlight) or ticket.desk is None:
            raise EngineError(f"{ticket.label} is not in flight: wait once for each ticket of this engine")
        desk, ticket.desk = ticket.desk, None
        made = ticket.made
        try:
            desk.request.wait()
            tensor = desk.request.get_output_tensor(0)
            found = tensor.data if self._cells is None else tensor.data.view(made.dtype)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on {ticket.label}: {last_line(error)}") from error
        if found.dtype != made.dtype or found.shape != made.shape or not np.shares_memory(found, made):
            raise EngineError(
                f"the generator gave {found.dtype} {found.shape}, not {made.dtype} {made.shape}, "
                f"for {ticket.label}: export the bundle again"
            )
        aged = made if self._cells is None else self._cells.blend(ticket.batch, made)
        with self._lock:
            if self._model is not None:
                self._free.append(desk)
        return aged

    def close(self) -> None:
        """Free the engine's memory; submitting afterwards raises EngineError."""
        with self._lock:
            self._model = None
            self._free.clear()


def _cut_inputs(cells: PixelCells, batch: TileBatch, memory: Memory) -> dict[str, Any]:
    """The inputs of the network without its pixels."""
    made = {SEEN: cells.gather(batch, memory), PLANES: cells.condition(batch, memory)}
    return {name: _as_bf16(halves) for name, halves in made.items()}


def _as_bf16(halves: NDArray[np.uint16]) -> Any:
    """The same memory as a tensor."""
    openvino = load_openvino()
    return openvino.Tensor(halves, openvino.Shape(list(halves.shape)), openvino.Type.bf16)
