"""The tile device on a GPU: uploads frames, cuts, computes and stitches tiles, and downloads the results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from ..contract import Capabilities
from ..frame import FrameWork
from ..scheduler.device import PlacedTile
from ..tiles import Size, Tile
from .api import STICKY, Cuda, CudaError
from .canvases import Canvases
from .carried import CarriedFrame
from .frame_pool import FramePool
from .handles import HandleStack, Stream
from .movers import open_mover
from .program import Arounds, CudaProgram, allowed_batches
from .rings import SLOTS, Ring, Rings, Slot

FRAMES_SHARE = 0.25
"""The share of the memory left by the rings that buffers for frames may take."""
FRAMES_BYTES = 1 << 30
"""The maximum size of buffers for frames, on the GPU and in pinned memory together."""


class CudaTileDevice:
    """A TileDevice on one GPU.

    It uses several streams: one uploads frames, one cuts tiles, runs the network and stitches cores, in one
    graph for each batch, and one downloads frames. Events pass each slot from one stream to the next, so that
    three batches overlap. Without kernels tiles are cut in the first and stitched in the last stream. Slots
    alternate between several compute streams, if requested, so that small batches run concurrently.
    """

    def __init__(
        self,
        cuda: Cuda,
        gpu: int,
        programs: CudaProgram | Sequence[CudaProgram],
        halo_px: int,
        *,
        slots: int | None = None,
        streams: int = 1,
        batch: int | None = None,
        reason: str = "",
        kernels: bool = True,
    ) -> None:
        """Open a ring of slots of a generator's programs, which are closed with the device.

        ``programs`` are one, or several that differ in the size of their tiles: those for which there is no
        memory are left out, largest first, and the log says so. ``streams`` are those that compute, each with
        memory of its own for intermediate results; ``slots`` None takes SLOTS, and one more for each further
        stream. ``batch`` limits the batches; without ``kernels`` tiles are cut and stitched copy by copy.
        Raises EngineError, OutOfMemoryError for lack of memory.
        """
        several = list(programs) if isinstance(programs, Sequence) else [programs]
        self._cuda, self._gpu, self._halo = cuda, gpu, halo_px
        self._programs = several
        self._rings: Rings | None = None
        (self._patterns,) = several[0].inputs["pattern"].shape
        self._fault = ""
        self._graphs = 0
        self._gpu_busy_ms = 0.0
        self._handles = HandleStack()
        self._slots: list[Slot] = []
        self._pool, self._canvases = FramePool(cuda), Canvases(cuda, gpu)
        cuda.use(gpu)
        self._mover = open_mover(cuda, halo_px, kernels)
        try:
            self._upload, self._download = (self._handles.own(Stream(cuda)) for _ in range(2))
            self._computing = [self._handles.own(Stream(cuda)) for _ in range(streams)]
            slots = SLOTS + streams - 1 if slots is None else slots
            most = max(allowed_batches(program, batch)[-1] for program in several)
            for _ in range(slots):
                self._slots.append(Slot(cuda, most, self._patterns, self._upload))
            self._upload.synchronize()
            rings = self._rings = Rings(
                cuda, several, halo_px, slots, self._computing, batch, self._moves_around
            )
            while len(self._slots) > rings.slots:
                self._slots.pop().close()
            most = max(core.batch for core in rings.cores)
            self._pool.budget = min(int(FRAMES_SHARE * cuda.memory()[0]), FRAMES_BYTES)
        except EngineError:
            self.close()
            raise
        self._capabilities = Capabilities(
            several[0].name,
            f"cuda:{gpu}",
            several[0].precision,
            max(rings.cores[-1].size),
            len(self._slots),
            most,
            fixed_core=True,
            reason=reason,
            cores=rings.cores,
        )

    @property
    def capabilities(self) -> Capabilities:
        """Properties of the device."""
        return self._capabilities

    @property
    def moves(self) -> str:
        """How tiles are cut and stitched: "kernels" or "copies"."""
        return self._mover.name

    @property
    def slots(self) -> int:
        """Largest number of batches in flight."""
        return len(self._slots)

    @property
    def fault(self) -> str:
        """The error that made the GPU's context unusable; empty if there is none."""
        return self._fault

    @property
    def graph_launches(self) -> int:
        """Number of CUDA graphs launched so far."""
        return self._graphs

    @property
    def gpu_busy_s(self) -> float:
        """GPU time of finished batches in seconds, from CUDA events, summed over compute streams."""
        return self._gpu_busy_ms / 1000

    def attach(self) -> None:
        """Select the GPU for the calling thread."""
        with self._watched():
            self._cuda.use(self._gpu)

    def has_room(self, work: FrameWork) -> bool:
        """Whether the buffers for frames are below their memory limit."""
        return self._pool.has_room(work)

    def canvas(self, side_px: int) -> NDArray[np.uint8]:
        """Pinned memory for a frame with its halo, if available."""
        return self._canvases.draw_on(side_px)

    def begin_frame(self, work: FrameWork) -> CarriedFrame:
        """Start the upload of the parts of a frame that its tiles read, directly or through pinned memory."""
        with self._watched():
            room = self._pool.take(work)
            frame = CarriedFrame(room, work, self._halo, self._canvases.holds(work.image))
            try:
                frame.carry_up(self._cuda, self._upload)
            except BaseException:
                self._release(frame)
                raise
            return frame

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        """Cut tiles with their halo out of their frames, into the slot, or prepare that."""
        held = self._slots[slot]
        tile = tiles[0].tile
        held.tiles = tiles
        with self._watched():
            ring = held.ring = self._ring_for(tile, len(tiles))
            held.batch = next(size for size in ring.batches if size >= len(tiles))
            for number, placed in enumerate(tiles):
                held.patterns[number] = placed.frame.pattern
            self._mover.gather(held, ring, ring.slots[slot], self._upload)
            held.gathered.record(self._upload)
        return held.batch

    def launch(self, slot: int) -> None:
        """Run the network on the slot, after its tiles were cut."""
        held, stream = self._slots[slot], self._computing[slot % len(self._computing)]
        with self._watched():
            stream.wait(held.gathered)
            held.begun.record(stream)
            self._graphs += self._ring_of(held).slots[slot].launch(held.batch, stream)
            held.computed.record(stream)

    def stitch(self, slot: int) -> None:
        """Stitch the slot's cores into their frames, after they were computed, unless that is done."""
        held = self._slots[slot]
        with self._watched():
            self._download.wait(held.computed)
            ring = self._ring_of(held)
            self._mover.stitch(held, ring, ring.slots[slot], self._download)
            held.stitched.record(self._download)

    def end_frame(self, frame: CarriedFrame) -> None:
        """Start the download of a frame's cores, after all stitching so far."""
        with self._watched():
            frame.carry_down(self._cuda, self._download)

    def wait(self, slot: int) -> None:
        """Wait until the slot's tiles are stitched."""
        held = self._slots[slot]
        with self._watched():
            held.stitched.synchronize()
            self._gpu_busy_ms += self._cuda.elapsed_ms(held.begun.handle, held.computed.handle)
        held.tiles = ()

    def abandon(self, slot: int) -> None:
        """Wait for all streams; used after errors only."""
        self._slots[slot].tiles = ()
        with self._watched():
            for stream in (self._upload, *self._computing, self._download):
                stream.synchronize()

    def finish_frame(self, frame: CarriedFrame) -> NDArray[np.uint8]:
        """Wait for the download of a frame's cores and copy them into a copy of its pixels."""
        try:
            with self._watched():
                frame.room.back.synchronize()
                return frame.assembled()
        finally:
            self._release(frame)

    def drop_frame(self, frame: CarriedFrame) -> None:
        """Free a frame's buffers."""
        self._release(frame)

    def _release(self, frame: CarriedFrame) -> None:
        """Free a frame's buffers once no stream uses them; buffers possibly in use are never reused."""
        with self._watched():
            frame.room.uploaded.synchronize()
            if frame.ended:
                frame.room.back.synchronize()
            self._pool.give(frame.room)

    def close(self) -> None:
        """Free everything, in any state of the GPU."""
        with contextlib.suppress(EngineError):
            self._cuda.use(self._gpu)
        rings = [] if self._rings is None else [self._rings]
        closing: list[Any] = [
            *self._slots, *rings, self._mover, self._pool, self._canvases, self._handles, *self._programs,
        ]  # fmt: skip
        self._slots, self._rings, self._programs = [], None, []
        for part in closing:
            with contextlib.suppress(EngineError):
                part.close()

    def _moves_around(self, core: Size) -> Arounds:
        """What moves the tiles of each slot in the ring of a core size."""
        return [self._mover.around(slot, core) for slot in self._slots]

    def _ring_for(self, tile: Tile, tiles: int) -> Ring:
        """The ring for a number of tiles of one size; batch sizes without memory are no longer offered."""
        assert self._rings is not None
        try:
            return self._rings.ring(tile.width, tile.height, tiles)
        finally:
            self._capabilities = replace(self._capabilities, cores=self._rings.cores)

    @staticmethod
    def _ring_of(slot: Slot) -> Ring:
        """The ring in which a slot's tiles are computed."""
        if slot.ring is None:
            raise EngineError("a slot holds no tiles: gather them first")
        return slot.ring

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Detect errors that make the GPU's context unusable."""
        try:
            yield
        except CudaError as error:
            if error.name in STICKY:
                self._fault = self._fault or str(error)
            raise
