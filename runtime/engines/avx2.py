"""The CPU engine for processors with AVX2 and without AVX-512: Winograd's algorithm in fp32, in C.

Most of the generator's arithmetic is in convolutions of 2x2 and 3x3, for which Winograd's algorithm takes 16
products instead of 36, and 36 instead of 144. OpenVINO has it for no such processor. The pixels are those of
the whole graph in fp32 except where another order of summation rounds a code value the other way.

A sum depends on where its pixel lies in the tile, so two ways to cut a frame into tiles differ in the same
rounding. Therefore this engine never asks for more tiles than a frame needs: idle cores compute parts of the
same tile, which does not change a number.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..bundle.bundle import Bundle
from ..bundle.precision import Precision
from ..errors import EngineError
from ..machine import count_cores
from .avx2_weights import GeneratorWeights, extension, read_weights
from .contract import Capabilities, Ticket, TileBatch
from .openvino_network import load_openvino

MAX_CORE_PX = 640
MAX_STREAMS = 4
"""The maximum number of tiles that are computed at the same time; each takes up to 130 MB."""
MAX_THREADS = 16
"""The maximum number of cores for one tile."""
_ROW = 1024


@dataclass(eq=False)
class _InFlight:
    """A batch in flight; ``aged`` is None after the wait for it."""

    label: str
    aged: Future[NDArray[np.uint8]] | None


class Avx2Engine:
    """Runs a bundle's generator on the CPU in fp32.

    Submitting never blocks. The tiles in flight share the cores.
    """

    def __init__(self, weights: GeneratorWeights) -> None:
        """Take the weights that `read_weights` found."""
        self._weights = weights
        self._cores = count_cores()
        self._streams = min(self._cores, MAX_STREAMS)
        self._pool = ThreadPoolExecutor(self._streams, "amgan-avx2")
        self._lock = threading.Lock()
        self._memories: list[NDArray[np.float32]] | None = []
        self._in_flight = 0
        self._capabilities = Capabilities("AVX2", "cpu", Precision.FP32, MAX_CORE_PX, self._streams + 1)

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Avx2Engine | None:
        """The engine for a bundle; None if the CPU has no AVX2, or the generator another graph."""
        file = bundle.file("generator", Precision.FP32)
        return cls._of(read_weights(load_openvino(), file, bundle.digest(file)), bundle.manifest.halo_px)

    @classmethod
    def of_file(cls, file: Path, halo_px: int) -> Avx2Engine | None:
        """The engine for a generator outside a bundle, as `of_bundle`."""
        return cls._of(read_weights(load_openvino(), file), halo_px)

    @classmethod
    def _of(cls, weights: GeneratorWeights | None, halo_px: int) -> Avx2Engine | None:
        if weights is None or weights.halo_px != halo_px or not weights.are_computed():
            return None
        return cls(weights)

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine."""
        return self._capabilities

    def submit(self, batch: TileBatch) -> Ticket:
        """Start a batch without blocking; raises EngineError, naming the tile."""
        batch.check()
        weights, (height, width) = self._weights, batch.image.shape[1:3]
        wanted, given = len(weights.gain), batch.pattern.shape[1]
        if given != wanted:
            raise EngineError(f"{batch.label}: the pattern must have {wanted} weights, not {given}")
        if not extension().count_floats(weights.table, weights.packed, height, width, 1):
            raise EngineError(
                f"{batch.label}: {width}x{height} px is too small or too large, as {weights.halo_px} px on "
                "each side are halo"
            )
        with self._lock:
            if self._memories is None:
                raise EngineError(f"{batch.label} came after the engine was closed: open a new one")
            self._in_flight += 1
            try:
                aged = self._pool.submit(self._age, batch)
            except RuntimeError as error:  # the system gives no thread
                raise EngineError(f"AVX2 could not start on {batch.label}: {error}") from error
        return _InFlight(batch.label, aged)

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""
        if not isinstance(ticket, _InFlight) or ticket.aged is None:
            raise EngineError(f"{ticket.label} is not in flight: wait once for each ticket of this engine")
        aged, ticket.aged = ticket.aged, None
        try:
            return aged.result()
        except MemoryError as error:
            why = str(error) or "there is no memory left"
            raise EngineError(f"AVX2 failed on {ticket.label}: {why}") from error

    def close(self) -> None:
        """Free the engine's memory; submitting afterwards raises EngineError."""
        with self._lock:
            self._memories = None
        self._pool.shutdown(wait=False)

    def _age(self, batch: TileBatch) -> NDArray[np.uint8]:
        try:
            return self._age_tiles(batch)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _age_tiles(self, batch: TileBatch) -> NDArray[np.uint8]:
        one, halo = self._weights, self._weights.halo_px
        n, height, width = batch.image.shape[:3]
        with self._lock:
            threads = max(1, min(self._cores // min(self._in_flight, self._streams), MAX_THREADS))
            memory = self._memories.pop() if self._memories else np.empty((0, _ROW), np.float32)
        wanted = extension().count_floats(one.table, one.packed, height, width, threads)
        if memory.size < wanted:
            memory = np.empty((-(-wanted // _ROW), _ROW), np.float32)
        aged = np.empty((n, height - 2 * halo, width - 2 * halo, 3), np.uint8)
        for i in range(n):
            pattern = np.ascontiguousarray(batch.pattern[i])
            gain = one.gains(pattern)
            years, places = (np.ascontiguousarray(a[i]) for a in (batch.aging_map, batch.coordinates))
            extension().age(
                one.table, one.packed, _with_dense_rows(batch.image[i]), years[0],
                places.reshape(-1, places.shape[2]), pattern, gain, one.fine, one.coarse, one.span, memory,
                aged[i], threads,
            )  # fmt: skip
        with self._lock:
            if self._memories is not None:
                self._memories.append(memory)
        return aged


def _with_dense_rows(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture itself if its rows have no gaps between pixels, otherwise a copy."""
    dense = image.strides[1:] == (3, 1) and image.strides[0] > 0
    return image if dense else np.ascontiguousarray(image)


def is_best() -> bool:
    """Whether this engine is the fastest that computes in fp32 here: with AVX2, but without AVX-512."""
    return extension() is not None and bool(extension().is_widest())
