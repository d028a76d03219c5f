"""PyTorch on a GPU, for those that no TensorRT supports: the bundle's ONNX, replayed as CUDA graphs."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle.precision import Precision
from ..errors import EngineError, MissingDependencyError
from .cuda.api import OutOfMemoryError
from .cuda.handles import Stream
from .cuda.program import CORES, ProgramSlot, batch_sizes, generator_tensors, largest_batch
from .cuda.torch_gpu import TorchCuda
from .tiles import Size

if TYPE_CHECKING:
    import torch

    from ..bundle.bundle import Bundle
    from .onnx_graph import OnnxNetwork

_LOG = logging.getLogger(__name__)

SPADE = "AMGAN_SPADE"
"""Variable of the environment: "fused" has SPADE computed in the kernels of the convolutions before it."""
INSTALL = "pip install 'torch==2.13.0'"
MAX_BATCH = 8
MEMORY_SHARE = 0.5
"""How much of the free memory one tile may take, so that there is room for batches and for others."""
PROBE_PX = 128
FUSED_PX = 32
WARM_UPS = 3
_HALF_SINCE = {Precision.FP16: 70, Precision.BF16: 80}


def load_torch() -> Any:
    """Import PyTorch; raises MissingDependencyError without it, EngineError when it cannot use a GPU."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the PyTorch engine needs the package torch, which is not installed: {INSTALL}"
        ) from error
    if not torch.cuda.is_available():
        why = (
            "it is a build for the CPU only"
            if torch.version.cuda is None
            else "it finds no GPU that it supports"
        )
        raise EngineError(
            f"PyTorch {torch.__version__} cannot use a GPU here, {why}: "
            f"{INSTALL.replace('install', 'install --force-reinstall')}, or use device 'cpu'"
        )
    return torch


def choose_file(bundle: Bundle, precision: Precision) -> tuple[Path, bool]:
    """The bundle's ONNX generator for a precision, and whether it is one of that precision already."""
    named = {
        e.precision: n
        for n, e in bundle.manifest.files.items()
        if (e.role, e.format) == ("generator", "onnx")
    }
    if precision in named:
        return bundle.path / named[precision], True
    return bundle.file("generator", Precision.FP32), False


def choose_precision(precision: Precision | None, compute: int) -> Precision:
    """The precision to use on a GPU of some compute capability (86 is 8.6); None takes the fastest.

    Raises EngineError for one that the GPU has not.
    """
    if precision is None:
        return Precision.FP16 if compute >= _HALF_SINCE[Precision.FP16] else Precision.FP32
    if compute < _HALF_SINCE.get(precision, 0):
        raise EngineError(f"this GPU (sm{compute}) is not made for {precision}: use precision fp32")
    return precision


class TorchProgram:
    """A network of a bundle in PyTorch; a CudaProgram, see there for what each method does."""

    name = "PyTorch CUDA"

    def __init__(
        self, cuda: TorchCuda, network: OnnxNetwork, precision: Precision, halo_px: int, patterns: int,
        *, largest_px: int = max(CORES[-1]), graphs: bool = True,
    ) -> None:  # fmt: skip
        """Choose the size of tiles from the GPU's free memory, those of CORES with sides up to
        ``largest_px`` px.

        Raises OutOfMemoryError when not even the smallest fits.
        """
        self._cuda, self._network, self._halo, self.precision = cuda, network, halo_px, precision
        self._graphs, self._patterns = graphs, patterns
        with self._tidy():
            self._per_px = self._measure()
            room = MEMORY_SHARE * cuda.free_bytes()
        self._sizes = [core for core in CORES if max(core) <= largest_px] or [CORES[0]]
        self._sizes = [core for core in self._sizes if self._bytes(core, 1) <= room]
        if not self._sizes:
            width, height = CORES[0]
            raise OutOfMemoryError(
                f"the GPU has too little free memory for PyTorch: a tile of {width}x{height} px takes "
                f"{self._bytes(CORES[0], 1) >> 20} MiB, close other programs or use device 'cpu'"
            )
        self._take(self._sizes[-1])

    def sizes(self) -> list[TorchProgram]:
        """The program itself, and after it those for all smaller tiles, of the same network."""
        found = [self]
        for core in reversed(self._sizes[:-1]):
            found.append(copy.copy(self))
            found[-1]._take(core)
        return found

    def _take(self, core: Size) -> None:
        """Be for tiles of this size."""
        self._core = core
        self.batches = batch_sizes(1, largest_batch(core, MAX_BATCH))
        self.inputs, self.outputs = generator_tensors(core, self._halo, self._patterns)

    def memory(self, slots: int, batch: int) -> int:
        """About how many bytes slots need: intermediate results, which they share, and their tensors."""
        tensors = sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())
        return self._bytes(self._core, batch) + slots * batch * tensors

    def open_slots(self, count: int, batches: Sequence[int], stream: Stream) -> Sequence[ProgramSlot]:
        """Open slots; the graphs of all of them share their memory."""
        opened: list[_Slot] = []
        try:
            for _ in range(count):
                opened.append(_Slot(self, batches, stream))
        except EngineError:
            opened.clear()
            self._cuda.release()
            raise
        return opened

    def close(self) -> None:
        """Give everything back."""
        self._cuda.release()

    def compute(self, tensors: Mapping[str, torch.Tensor], batch: int) -> None:
        """Run the network on the first elements of a slot's tensors."""
        torch = self._cuda.torch
        # Convolutions of fp32 networks stay fp32, and every size gets its fastest algorithm.
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with torch.inference_mode(), flags:
            aged = self._network(*(tensors[name][:batch] for name in self._network.inputs))
            tensors["aged"][:batch].copy_(aged)

    def prepare(self, work: Callable[[], object], stream: Stream) -> Callable[[Stream], None] | None:
        """Some work as a graph, once it ran often enough to choose its algorithms; None without graphs."""
        for _ in range(WARM_UPS if self._graphs else 1):
            self._cuda.run(work, stream)
        stream.synchronize()
        if not self._graphs:
            return None
        try:
            return self._cuda.capture(work, stream)
        except RuntimeError as error:
            if isinstance(error, self._cuda.torch.OutOfMemoryError):
                raise
            self._graphs = False
            _LOG.warning("%s", self._no_graphs(error))
            return None

    def _no_graphs(self, error: Exception) -> str:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"{self.name} cannot be captured as a CUDA graph ({reason}): kernels are started one by one"

    def tensors(self, batch: int) -> dict[str, torch.Tensor]:
        """Memory for a slot."""
        return {
            n: self._cuda.zeros((batch, *t.shape), t.dtype)
            for n, t in {**self.inputs, **self.outputs}.items()
        }

    @contextlib.contextmanager
    def _tidy(self) -> Iterator[None]:
        """Turn PyTorch's errors into ours."""
        try:
            yield
        except RuntimeError as error:
            text = str(error).strip().splitlines()
            reason = text[0] if text else type(error).__name__
            if isinstance(error, self._cuda.torch.OutOfMemoryError):
                raise OutOfMemoryError(f"PyTorch ran out of memory ({reason})") from error
            raise EngineError(f"PyTorch failed on the GPU, {reason}: run `amgan doctor`") from error

    def _measure(self) -> float:
        """Bytes of memory that a pixel of a tile takes at the height of the network."""
        inputs, outputs = generator_tensors((PROBE_PX, PROBE_PX), self._halo, self._patterns)
        tensors = {n: self._cuda.zeros((1, *t.shape), t.dtype) for n, t in {**inputs, **outputs}.items()}
        side = PROBE_PX + 2 * self._halo
        for _ in range(WARM_UPS):
            # The search for the fastest algorithms takes memory that they do not.
            self.compute(tensors, 1)
        return self._cuda.peak_bytes(lambda: self.compute(tensors, 1)) / side**2

    def _bytes(self, core: Size, batch: int) -> int:
        width, height = (side + 2 * self._halo for side in core)
        return int(self._per_px * batch * width * height)


class _Slot:
    """Tensors of a slot, and for each batch size a graph of the network on them."""

    def __init__(self, program: TorchProgram, batches: Sequence[int], stream: Stream) -> None:
        self._program = program
        self._launchers: dict[int, Callable[[Stream], None] | None] = {}
        with program._tidy():
            self._tensors = program.tensors(batches[-1])
            for batch in reversed(batches):  # the largest first, so that the others find its memory
                self._launchers[batch] = program.prepare(self._work(batch), stream)

    def address(self, name: str) -> int:
        """Where a tensor lies."""
        return int(self._tensors[name].data_ptr())

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the first ``batch`` elements."""
        launcher = self._launchers[batch]
        with self._program._tidy():
            if launcher is None:
                self._program._cuda.run(self._work(batch), stream)
            else:
                launcher(stream)
        return launcher is not None

    def close(self) -> None:
        """Let PyTorch have the memory back; closing again does nothing."""
        self._launchers.clear()
        self._tensors.clear()

    def _work(self, batch: int) -> Callable[[], None]:
        return lambda: self._program.compute(self._tensors, batch)


def open_torch(
    bundle: Bundle,
    gpu: int,
    compute: int,
    precision: Precision | None,
    *,
    graphs: bool = True,
    fused: bool | None = None,
) -> list[TorchProgram]:
    """The bundle's generator in PyTorch on a GPU of some compute capability (86 is 8.6), largest tiles first.

    A bundle without a file of the precision has the convolutions of its fp32 file computed in it. ``fused``
    computes SPADE in the kernels of the convolutions before it (None: where AMGAN_SPADE is "fused"). Raises
    EngineError and MissingDependencyError, each with the remedy.
    """
    load_torch()
    used = choose_precision(precision, compute)
    path, typed = choose_file(bundle, used)
    manifest = bundle.manifest
    largest = open_file(
        path, gpu, used, typed=typed, halo_px=manifest.halo_px, patterns=manifest.patterns,
        largest_px=manifest.max_frame_px, graphs=graphs,
        fused=os.environ.get(SPADE) == "fused" if fused is None else fused,
    )  # fmt: skip
    return largest.sizes()


def open_file(
    path: Path, gpu: int, used: Precision, *, typed: bool, halo_px: int, patterns: int,
    largest_px: int = max(CORES[-1]), graphs: bool = True, fused: bool = False,
) -> TorchProgram:  # fmt: skip
    """An ONNX generator in PyTorch on a GPU, for the largest tiles that fit; further arguments as there.

    ``typed`` says that the file is of the precision ``used`` already; otherwise its convolutions are computed
    in it. Where ``fused`` cannot be had, or gives other pixels, the log says so. Raises EngineError and
    MissingDependencyError.
    """
    torch = load_torch()
    from .onnx_graph import OnnxNetwork

    dtypes = {Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}
    cuda = TorchCuda(torch, gpu)
    network = OnnxNetwork(path, cuda.device, None if typed else dtypes.get(used))
    if fused:
        from .spade_fused import fused_or_not

        network = fused_or_not(network, _probe(torch, cuda.device, halo_px, patterns))
    return TorchProgram(cuda, network, used, halo_px, patterns, largest_px=largest_px, graphs=graphs)


def _probe(torch: Any, device: Any, halo_px: int, patterns: int) -> tuple[Any, ...]:
    """A tile of noise on a device, with ages, places and a pattern: inputs to compare two networks with."""
    inputs, _ = generator_tensors((FUSED_PX, FUSED_PX), halo_px, patterns)
    random = torch.Generator().manual_seed(0)
    made = {n: torch.rand((1, *t.shape), generator=random) for n, t in inputs.items()}
    made["image"] = (255 * made["image"]).to(torch.uint8)
    made["aging_map"] = 80 * made["aging_map"] - 40
    made["pattern"] = made["pattern"] / made["pattern"].sum()
    return tuple(tensor.to(device) for tensor in made.values())
