"""The engine of TensorRT and TensorRT for RTX, which differ mostly in their import name."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle.engine_files import FLAVOURS
from ..bundle.manifest import FileEntry
from ..bundle.precision import Precision
from ..errors import EngineError
from .cuda.api import STICKY, Cuda, CudaError, GpuInfo, OutOfMemoryError
from .cuda.handles import DeviceMemory, Graph, HandleStack, SharedMemory, Stream
from .cuda.program import Around, Arounds, ProgramSlot, Tensor, around_of, batch_sizes, moving
from .rtx_cache import RtxCache, rtx_entry, runtime_config
from .tensorrt_library import load_tensorrt, make_log

_LOG = logging.getLogger(__name__)


class TensorRtProgram:
    """A TensorRT engine of a bundle on the current GPU; implements CudaProgram."""

    def __init__(
        self, cuda: Cuda, path: Path, entry: FileEntry, *, graphs: bool = True, gpu: GpuInfo | None = None,
        plan: bytes | None = None,
    ) -> None:  # fmt: skip
        """Load an engine file; ``graphs`` replays each batch size as a CUDA graph.

        ``plan`` is its content, if ``path`` is the file it was built from instead. ``gpu`` is the current
        GPU; with it, kernels that TensorRT for RTX compiles are cached. Raises EngineError for a file that
        TensorRT refuses, MissingDependencyError without TensorRT.
        """
        if entry.build is None:
            raise EngineError(f"'{path}' is no TensorRT engine: choose another file")
        self._cuda, self._path, self._graphs = cuda, path, graphs
        self._trt = load_tensorrt(entry.build.flavour)
        self.name = FLAVOURS[entry.build.flavour]
        self.precision = Precision.parse(entry.precision)
        self._log = make_log(self._trt)
        try:
            plan = path.read_bytes() if plan is None else plan
        except OSError as error:
            raise EngineError(f"'{path}' cannot be read: {error.strerror}") from error
        with _collector_at_rest():
            try:
                runtime = self._trt.Runtime(self._log)
                engine = runtime.deserialize_cuda_engine(plan)
            except (TypeError, RuntimeError) as error:
                raise EngineError(
                    f"{self.name} cannot start here, {self._reason()}: run `amgan doctor`"
                ) from error
            if engine is None:
                raise EngineError(f"{self.name} cannot load '{path}', {self._reason()}: build it again")
            self._runtime, self._engine = runtime, engine
            self._config = runtime_config(self._trt, engine)
            self._cache: RtxCache | None = None
            if self._config is not None:
                entry_of_it = rtx_entry(plan, str(self._trt.__version__), cuda, gpu)
                self._cache = RtxCache(self._config, entry_of_it)
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        inputs = {n for n in names if engine.get_tensor_mode(n) == self._trt.TensorIOMode.INPUT}
        tensors = {n: self._tensor(n) for n in names}
        self.inputs = {n: t for n, t in tensors.items() if n in inputs}
        self.outputs = {n: t for n, t in tensors.items() if n not in inputs}
        low, _, high = (shape[0] for shape in engine.get_tensor_profile_shape(min(inputs), 0))
        self.batches = batch_sizes(int(low), int(high))

    def memory(self, slots: int, batch: int) -> int:
        """Estimated bytes of slots: the shared activation memory of TensorRT, and the tensors."""
        tensors = sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())
        # TensorRT only reports the memory of the largest batch; that of others is nearly proportional.
        share = batch / self.batches[-1]
        return int(self._engine.device_memory_size_v2 * share) + slots * batch * tensors

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> Sequence[ProgramSlot]:
        """Open slots, which share the memory for activations."""
        with _collector_at_rest():
            probe = self._context()
        needed = max(self._size_for(probe, batch) for batch in batches)
        opened: list[_Slot] = []
        shared = SharedMemory(DeviceMemory(self._cuda, max(needed, 256)))
        try:
            for number in range(count):
                opened.append(_Slot(self, batches, stream, shared, around_of(around, number)))
        except EngineError:
            for slot in opened:
                slot.close()
            raise
        finally:
            shared.let_go()
        return opened

    def close(self) -> None:
        """Free everything."""
        # Objects are released before their creators.
        self._cache = self._config = self._engine = self._runtime = None

    def make_context(self, batch: int, addresses: Mapping[str, int], memory: DeviceMemory) -> Any:
        """Create a context for one batch size, with tensors at these addresses and memory for activations.

        The kernels that TensorRT for RTX compiled are cached.
        """
        with _collector_at_rest():
            context = self._context()
        if self._cache is not None:
            self._cache.keep()
        self._size_for(context, batch)
        context.set_device_memory(memory.handle, memory.size)
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise EngineError(f"{self.name} refuses the memory of {name}, {self._reason()}: report this")
        return context

    def inspect(self) -> str:
        """The report of TensorRT's engine inspector, JSON; empty if not available."""
        inspector = self._engine.create_engine_inspector()
        kind = self._trt.LayerInformationFormat.JSON
        return str(inspector.get_engine_information(kind)) if inspector else ""

    def run(self, context: Any, stream: Stream) -> None:
        """Enqueue a context in a stream; raises EngineError with TensorRT's reason."""
        self._log.errors.clear()
        if not context.execute_async_v3(stream.handle):
            self._fail(f"{self.name} could not start '{self._path.name}'")

    def wants_graphs(self, context: Any, stream: Stream) -> bool:
        """Whether a context should and can be captured as a graph."""
        capturable = getattr(context, "is_stream_capturable", None)
        if not self._graphs or capturable is None or capturable(stream.handle):
            return self._graphs
        self._without_graphs("build the engine again with this version")
        return False

    def captured(self, cuda: Cuda, context: Any, stream: Stream, work: Callable[[], None]) -> Graph | None:
        """Capture ``work``, which runs a context, as a graph.

        The context must have run once, because its first run cannot be captured.
        None if the capture fails: then no other context is captured, and kernels are launched one by one.
        """
        self.run(context, stream)
        stream.synchronize()
        try:
            return Graph(cuda, stream, work)
        except OutOfMemoryError:
            raise
        except EngineError as error:
            if isinstance(error, CudaError) and error.name in STICKY:
                raise
            self._without_graphs(str(error))
            return None

    def _without_graphs(self, why: str) -> None:
        self._graphs = False
        _LOG.warning(
            "%s cannot capture '%s' as a CUDA graph, so each batch is started kernel by kernel: %s",
            self.name, self._path.name, why,
        )  # fmt: skip

    def _context(self) -> Any:
        self._log.errors.clear()
        if self._config is not None:
            context = self._engine.create_execution_context(self._config)
        else:
            managed = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context = self._engine.create_execution_context(managed)
        if context is None:
            self._fail(f"{self.name} cannot prepare '{self._path.name}'")
        return context

    def _size_for(self, context: Any, batch: int) -> int:
        """Set the shapes of a context; returns the bytes of memory it needs."""
        for name, tensor in self.inputs.items():
            if not context.set_input_shape(name, (batch, *tensor.shape)):
                raise EngineError(
                    f"'{self._path.name}' takes no batch of {batch}, {self._reason()}: build it again"
                )
        return int(context.update_device_memory_size_for_shapes())

    def _tensor(self, name: str) -> Tensor:
        dtype = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        shape = tuple(int(size) for size in self._engine.get_tensor_shape(name))[1:]
        if min(shape) <= 0:
            raise EngineError(
                f"the tensor {name} of '{self._path.name}' has no fixed size {shape}: build it again"
            )
        return Tensor(shape, dtype)

    def _reason(self) -> str:
        lines = [
            line.strip(" .") for error in self._log.errors for line in error.splitlines() if line.strip()
        ]
        return lines[0][:300] if lines else "it gave no reason"

    def _fail(self, what: str) -> None:
        reason = self._reason()
        if "out of memory" in reason.lower() or "outofmemory" in reason.lower():
            raise OutOfMemoryError(f"{what}, {reason}")
        raise EngineError(f"{what}, {reason}: run `amgan doctor`, or build the engine again")


class _Slot:
    """The tensors of a slot, and for each batch size a context or its graph, created at its first launch.

    A graph depends on the addresses and the state of its context, so each graph has its own context. That of
    the smallest batch is created at once: if there is no memory for another, tiles are computed one by one.
    """

    def __init__(
        self, program: TensorRtProgram, batches: Sequence[int], stream: Stream, shared: SharedMemory,
        around: Around | None,
    ) -> None:  # fmt: skip
        cuda = program._cuda
        self._program, self._around = program, around
        self._shared: SharedMemory | None = shared.hold()
        self._handles = HandleStack()
        self._contexts: dict[int, Any] = {}
        self._graphs: dict[int, Graph] = {}
        try:
            self._memory = {
                name: self._handles.own(DeviceMemory(cuda, batches[-1] * tensor.nbytes))
                for name, tensor in {**program.inputs, **program.outputs}.items()
            }
            for memory in self._memory.values():
                cuda.fill(memory.handle, 0, memory.size, stream.handle)
            self._prepare(batches[0], stream)
        except EngineError:
            with contextlib.suppress(EngineError):
                stream.synchronize()
            self.close()
            raise

    def _prepare(self, batch: int, stream: Stream) -> None:
        """Create the context of a batch size and its graph, or neither."""
        program = self._program
        addresses = {name: memory.handle for name, memory in self._memory.items()}
        assert self._shared is not None
        context = program.make_context(batch, addresses, self._shared.memory)
        if program.wants_graphs(context, stream):
            graph = program.captured(
                program._cuda, context, stream, lambda: self._run(batch, context, stream)
            )
            if graph is not None:
                self._graphs[batch] = self._handles.own(graph)
        self._contexts[batch] = context

    def address(self, name: str) -> int:
        """The address of a tensor."""
        return self._memory[name].handle

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the first ``batch`` elements; the first launch of a batch size waits for the stream."""
        if batch not in self._contexts:
            self._prepare(batch, stream)
        if batch in self._graphs:
            self._graphs[batch].launch(stream)
            return True
        self._run(batch, self._contexts[batch], stream)
        return False

    def _run(self, batch: int, context: Any, stream: Stream) -> None:
        """Start the network with the work around it."""
        with moving(self._around, batch, self, stream):
            self._program.run(context, stream)

    def close(self) -> None:
        """Free everything, graphs first."""
        try:
            self._handles.close()
        finally:
            self._contexts.clear()
            shared, self._shared = self._shared, None
            if shared is not None:
                shared.let_go()


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Disable the garbage collector: freeing a TensorRT object while TensorRT logs would deadlock."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
