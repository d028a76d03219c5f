"""The engine that always works: OpenVINO on the CPU, in bf16 where the CPU has it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.bundle import Bundle
from ..errors import BundleError, EngineError, UsageError
from ..load_openvino import load_openvino
from ..machine import count_cores
from .contract import CELL_PX, Capabilities, Ticket, TileBatch

MAX_CORE_PX = 640
MAX_STREAMS = 4
GENERATOR_INPUTS = ("image", "aging_map", "origin")
PLACE_WAVES = ("Sin", "Cos", "Log")
_PRECISIONS = {"f32": "f32", "fp32": "f32", "bf16": "bf16"}


@dataclass(eq=False)
class _Job:
    """A batch under way; it keeps the arrays alive that the request reads."""

    batch: TileBatch
    aged: NDArray[np.uint8]
    request: Any | None

    @property
    def label(self) -> str:
        return self.batch.label


class OpenVinoEngine:
    """Runs a bundle's generator on the CPU.

    Compiled once, for any tile size. Submitting never blocks: a pool of requests grows with the batches
    that are under way at once, so that threads sharing the engine cannot wait for each other's tickets.
    """

    def __init__(self, bundle: Bundle, precision: str | None = None) -> None:
        """Compile the bundle's generator; ``precision`` is "f32", "bf16" or None (bf16 if the CPU has it).

        Raises UsageError for another precision, EngineError where the CPU or the file cannot do it, and
        BundleError when the file's inputs are not the contract's.
        """
        self._halo = bundle.manifest.halo_px
        # A tile a core costs a quarter less than all cores on one tile. One tile more than there are
        # streams waits inside OpenVINO, so that none of them ever waits for Python.
        streams = min(count_cores(), MAX_STREAMS)
        file = bundle.file("generator", "fp32")
        # Any size is fine, but told the least one OpenVINO knows that no layer runs empty; without that it
        # copies a tensor wherever a convolution meets a slice, which costs a twentieth of the time.
        side = 2 * self._halo + bundle.manifest.tile_multiple
        cells = side // CELL_PX
        least = {"image": (1, side, side, 3), "aging_map": (1, 1, cells, cells), "origin": (1, 3)}
        self._model, used = compile_on_cpu(file, GENERATOR_INPUTS, precision, streams, least)
        self._capabilities = Capabilities("OpenVINO", "cpu", used, MAX_CORE_PX, streams + 1, pieces=streams)
        self._free: list[Any] = []
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What the engine is and likes."""
        return self._capabilities

    def submit(self, batch: TileBatch) -> Ticket:
        """Start on a batch and return at once; raises EngineError, naming the tile."""
        batch.check()
        with self._lock:
            model = self._model
            request = self._free.pop() if self._free else None
        if model is None:
            raise EngineError(f"{batch.label} came after the engine was closed: open a new one")
        inputs = {name: np.ascontiguousarray(getattr(batch, name)) for name in GENERATOR_INPUTS}
        try:
            request = request or model.create_infer_request()
            aged = self._receive(request, batch)
            request.start_async(inputs, share_inputs=True)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO could not start on {batch.label}: {last_line(error)}") from error
        return _Job(TileBatch(**inputs, label=batch.label), aged, request)

    def _receive(self, request: Any, batch: TileBatch) -> NDArray[np.uint8]:
        """Give a request new memory for its output, which needs no copy then."""
        openvino = load_openvino()

        n, height, width = batch.image.shape[:3]
        size = (n, max(height - 2 * self._halo, 0), max(width - 2 * self._halo, 0), 3)
        aged = np.empty(size, np.uint8)
        request.set_output_tensor(0, openvino.Tensor(aged, shared_memory=True))
        return aged

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""
        if not isinstance(ticket, _Job) or ticket.request is None:
            raise EngineError(f"{ticket.label} is not under way: wait once for each ticket of this engine")
        request, ticket.request = ticket.request, None
        try:
            request.wait()
            found = request.get_output_tensor(0).data
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on {ticket.label}: {last_line(error)}") from error
        aged = ticket.aged
        if found.dtype != np.uint8 or found.shape != aged.shape or not np.shares_memory(found, aged):
            raise EngineError(
                f"the generator gave {found.dtype} {found.shape}, not uint8 {aged.shape}, "
                f"for {ticket.label}: export the bundle again"
            )
        with self._lock:
            if self._model is not None:
                self._free.append(request)
        return aged

    def close(self) -> None:
        """Give the engine's memory back; submitting afterwards raises EngineError."""
        with self._lock:
            self._model = None
            self._free.clear()


def compile_on_cpu(
    path: Path,
    inputs: tuple[str, ...],
    precision: str | None,
    streams: int = 1,
    least: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Any, str]:
    """Compile a network file for the CPU; returns the compiled model and the precision used.

    ``streams`` is how many inputs it computes at once, sharing the cores between them;
    ``least`` is the smallest shape that each input will have. Raises UsageError,
    EngineError and BundleError as OpenVinoEngine does.
    """
    openvino = load_openvino()

    core = openvino.Core()
    used = _choose_precision(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": used,
        "NUM_STREAMS": str(streams),
        # A thread that is tied to one core waits there for whatever else runs on it, such as a JPEG.
        "ENABLE_CPU_PINNING": False,
    }
    try:
        network = core.read_model(path)
        names = {name for port in network.inputs for name in port.get_names()}
        if len(network.inputs) != len(inputs) or not names >= set(inputs):
            there, wanted = ", ".join(sorted(names)), ", ".join(inputs)
            raise BundleError(f"'{path}' has the inputs {there} instead of {wanted}: export the bundle again")
        if least:
            network.reshape({name: _from(network.input(name), shape) for name, shape in least.items()})
        if used == "bf16":
            keep_places_exact(network)
        return core.compile_model(network, "CPU", options), used
    except RuntimeError as error:
        raise EngineError(f"OpenVINO cannot load '{path}': {last_line(error)}") from error


def keep_places_exact(network: Any) -> None:
    """Have an openvino.Model that is compiled for bf16 compute where in the face each pixel lies in f32.

    bf16 knows whole pixels up to 256 only: beyond, places are off by up to 2 px, and the picture by up to
    25 code values. OpenVINO computes in f32 whatever leads to an output without a convolution between, so
    the waves of the place encoding become outputs, which nobody reads.
    """
    waves = [node for node in network.get_ordered_ops() if node.get_type_name() in PLACE_WAVES]
    if waves:
        network.add_outputs([node.output(0) for node in waves])


def _from(port: Any, least: tuple[int, ...]) -> Any:
    """The shape of an input with a least size wherever it is open."""
    openvino = load_openvino()

    sizes = zip(port.get_partial_shape(), least, strict=True)
    return openvino.PartialShape([openvino.Dimension(n, -1) if d.is_dynamic else d for d, n in sizes])


def _choose_precision(precision: str | None, capabilities: list[str]) -> str:
    if precision is None:
        return "bf16" if "BF16" in capabilities else "f32"
    if precision not in _PRECISIONS:
        raise UsageError(f"{precision!r} is not a precision that the CPU engine has: write f32 or bf16")
    used = _PRECISIONS[precision]
    if used == "bf16" and "BF16" not in capabilities:
        raise EngineError("this CPU has no bf16: use precision f32, or leave the precision out")
    return used


def last_line(error: Exception) -> str:
    """What an error of OpenVINO says in the end; the lines before tell where in its sources it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
