"""Checks the features of CUDA in use: calls, release of the GIL, and frames in the ring."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amgan.runtime.engines.contract import COORDINATE_PLANES
from amgan.runtime.engines.cuda.api import Cuda, CudaError
from amgan.runtime.engines.cuda.handles import DeviceMemory, Event, Graph, HandleStack, PinnedMemory, Stream
from amgan.runtime.engines.cuda.program import (
    Around,
    Arounds,
    Tensor,
    around_of,
    generator_tensors,
    moving,
)
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.tiles import plan_tiles
from amgan.runtime.errors import EngineError

SHIFT_PX = 4
RGB = 3
BUS_BYTES = 64 << 20
SIDES = (256, 448, 1024, 4096)
"""Sides in px of the frames that pass through the ring."""


class ShiftProgram:
    """A CudaProgram without a network: every core is the tile's picture, shifted by SHIFT_PX in x and y.

    This detects tiles that are read from or written to wrong positions. It also runs as a CUDA graph.
    """

    name, precision = "shift", "u8"

    def __init__(self, cuda: Cuda, core: int, halo: int, batches: tuple[int, ...] = (1, 2, 4, 8)) -> None:
        self.cuda, self.core, self.halo, self.batches = cuda, core, halo, batches
        self.inputs: Mapping[str, Tensor]
        self.outputs: Mapping[str, Tensor]
        self.inputs, self.outputs = generator_tensors((core, core), halo, 1)

    def memory(self, slots: int, batch: int) -> int:
        return slots * batch * sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> list[_ShiftSlot]:
        return [_ShiftSlot(self, batches, stream, around_of(around, number)) for number in range(count)]

    def close(self) -> None:
        """Nothing to release."""


class _ShiftSlot:
    def __init__(
        self, program: ShiftProgram, batches: Sequence[int], stream: Stream, around: Around | None
    ) -> None:
        self._program, self._around, self._handles = program, around, HandleStack()
        self._memory = {
            name: self._handles.own(DeviceMemory(program.cuda, batches[-1] * tensor.nbytes))
            for name, tensor in {**program.inputs, **program.outputs}.items()
        }
        self._graphs = {
            size: self._handles.own(Graph(program.cuda, stream, lambda size=size: self._work(size, stream)))
            for size in batches
        }

    def address(self, name: str) -> int:
        return self._memory[name].handle

    def launch(self, batch: int, stream: Stream) -> bool:
        self._graphs[batch].launch(stream)
        return True

    def close(self) -> None:
        self._handles.close()

    def _work(self, batch: int, stream: Stream) -> None:
        with moving(self._around, batch, self, stream):
            self._shift(batch, stream)

    def _shift(self, batch: int, stream: Stream) -> None:
        core, side = self._program.core, self._program.core + 2 * self._program.halo
        inside = RGB * (self._program.halo + SHIFT_PX) * (side + 1)
        for i in range(batch):
            self._program.cuda.copy_2d(
                self.address("aged") + i * RGB * core * core, RGB * core,
                self.address("image") + i * RGB * side * side + inside, RGB * side,
                RGB * core, core, stream.handle,
            )  # fmt: skip


def shifted_frame(side: int, core: int, halo: int, seed: int) -> tuple[FrameWork, np.ndarray]:
    """A frame of noise, and ShiftProgram's result for it."""
    rng = np.random.default_rng(seed)
    padded = side + 2 * halo
    image = rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8)
    ages = np.zeros((padded // 4, padded // 4), np.float32)
    start = halo + SHIFT_PX
    places, pattern = np.zeros((COORDINATE_PLANES, *ages.shape), np.float32), np.ones(1, np.float32)
    tiles = tuple(plan_tiles(side, core, fixed=True))
    work = FrameWork(image, ages, places, pattern, tiles, f"frame {seed} of {side} px")
    return work, image[start : start + side, start : start + side]


def check_ring(
    cuda: Cuda, gpu: int, halo: int, sides: Sequence[int] | None = None, repeats: int = 3
) -> dict[str, Any]:
    """Concurrent frames of several sizes in rings of several tile sizes; all pixels must be correct.

    Tiles are moved by the kernels and, for comparison, by separate copies.
    """
    from amgan.runtime.engines.cuda.device import CudaTileDevice
    from amgan.runtime.engines.scheduler.scheduler import FrameScheduler

    rings = {}
    for core, kernels in itertools.product((256, 1024), (True, False)):
        device = CudaTileDevice(cuda, gpu, ShiftProgram(cuda, core, halo), halo, kernels=kernels)
        how = device.moves
        frames = [shifted_frame(side, core, halo, i) for i, side in enumerate(repeats * list(sides or SIDES))]
        start = time.perf_counter()
        with FrameScheduler(device, halo) as scheduler:
            futures = [scheduler.submit(work) for work, _ in frames]
            wrong = [
                work.label
                for future, (work, wanted) in zip(futures, frames, strict=True)
                if not np.array_equal(future.result(), wanted)
            ]
            counters = scheduler.counters
        if wrong:
            raise RuntimeError(f"wrong pixels in {', '.join(wrong)}")
        if kernels and how != "kernels":
            raise RuntimeError("the kernels that cut and stitch tiles cannot be loaded")
        rings[f"core {core}, {how}"] = {
            "frames": counters.frames,
            "tiles": counters.tiles,
            "batches": counters.batches,
            "seconds": time.perf_counter() - start,
        }
    return {"rings": rings, "pixels": "exact"}


def check_calls(cuda: Cuda, gpu: int) -> dict[str, Any]:
    """Check memory, copies, events, graphs and errors of CUDA, and measure the bandwidth of the bus."""
    driver, runtime = cuda.versions()
    cuda.use(gpu)
    handles = HandleStack()
    try:
        stream = handles.own(Stream(cuda))
        pinned, back = (handles.own(PinnedMemory(cuda, BUS_BYTES)) for _ in range(2))
        device = handles.own(DeviceMemory(cuda, BUS_BYTES))
        pattern = np.random.default_rng(0).integers(0, 256, BUS_BYTES, dtype=np.uint8)
        pinned.array((BUS_BYTES,))[...] = pattern
        up_ms = _timed(cuda, stream, lambda: _copy(cuda, device, pinned, stream))
        down_ms = _timed(cuda, stream, lambda: _copy(cuda, back, device, stream))
        right = bool(np.array_equal(back.array((BUS_BYTES,)), pattern))
        graph = handles.own(
            Graph(cuda, stream, lambda: cuda.fill(device.handle, 7, BUS_BYTES, stream.handle))
        )
        graph.launch(stream)
        _copy(cuda, back, device, stream)
        stream.synchronize()
        graphs = bool((back.array((BUS_BYTES,)) == 7).all())
        lock = measure_lock(cuda, stream, device)
    finally:
        handles.close()
    if not right or not graphs:
        raise RuntimeError(
            f"copies are {'right' if right else 'wrong'}, graphs {'right' if graphs else 'not'}"
        )
    return {
        "driver_cuda": driver,
        "runtime_cuda": runtime,
        "up_gb_per_s": BUS_BYTES / up_ms / 1e6,
        "down_gb_per_s": BUS_BYTES / down_ms / 1e6,
        "free_and_total_memory": cuda.memory(),
        "error": _provoke(cuda),
        "python_while_waiting": lock,
    }


def measure_lock(cuda: Cuda, stream: Stream, memory: DeviceMemory, fills: int = 2000) -> dict[str, float]:
    """Progress of a counting thread while another waits for the GPU, relative to its undisturbed progress."""
    counted = [0]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    event = Event(cuda)
    try:
        for _ in range(fills):
            cuda.fill(memory.handle, 1, memory.size, stream.handle)
        event.record(stream)
        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        before, start = counted[0], time.perf_counter()
        event.synchronize()
        waited, during = time.perf_counter() - start, counted[0] - before
        before, start = counted[0], time.perf_counter()
        time.sleep(max(waited, 0.05))
        freely = (counted[0] - before) / (time.perf_counter() - start)
        stop.set()
        thread.join()
    finally:
        event.close()
    return {"waited_s": waited, "share_of_free_speed": during / max(waited * freely, 1e-9)}


def check_faults(cuda: Cuda, gpu: int, halo: int) -> dict[str, Any]:
    """Out of memory must raise our error, and work must go on afterwards."""
    from amgan.runtime.engines.cuda.device import CudaTileDevice

    cuda.use(gpu)
    free, _ = cuda.memory()
    hog: DeviceMemory | None = DeviceMemory(cuda, max(free - (64 << 20), 1))
    said = "opened all the same"
    try:
        device = CudaTileDevice(cuda, gpu, ShiftProgram(cuda, 1024, halo), halo)
        said = f"opened with {device.slots} slots of {device.capabilities.batch} tiles"
        device.close()
    except EngineError as error:
        said = str(error)
    finally:
        if hog is not None:
            hog.close()
    after = check_ring(cuda, gpu, halo, (256,), 1)
    return {"with_full_memory": said, "afterwards": after["pixels"]}


def _timed(cuda: Cuda, stream: Stream, work: Any, runs: int = 5) -> float:
    start, end = Event(cuda, timed=True), Event(cuda, timed=True)
    try:
        work()
        start.record(stream)
        for _ in range(runs):
            work()
        end.record(stream)
        end.synchronize()
        return cuda.elapsed_ms(start.handle, end.handle) / runs
    finally:
        start.close()
        end.close()


def _copy(cuda: Cuda, target: Any, source: Any, stream: Stream) -> None:
    cuda.copy(target.handle, source.handle, BUS_BYTES, stream.handle)


def _provoke(cuda: Cuda) -> str:
    """CUDA's error for an allocation that is too large."""
    try:
        address = cuda.malloc(1 << 60)
    except CudaError as error:
        return str(error)
    cuda.free(address)
    return "an exbibyte was handed out"
