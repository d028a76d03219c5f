"""A bundle's estimator on a GPU, in batches over the faces of several photos."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.bundle import Bundle
from ..bundle.engine_files import FLAVOURS
from ..bundle.precision import Precision
from ..errors import AmganError, EngineError
from .cuda.api import Cuda, GpuInfo, load_cuda
from .cuda.arrays import ArrayRunner
from .cuda.program import CudaProgram
from .cuda.torch_gpu import TorchCuda
from .find import find_engines
from .gpus import find_gpus
from .shared_batches import SharedBatches

MOST = 16
"""The maximum number of faces in a batch."""
Frames = NDArray[np.uint8]
Ages = NDArray[np.float32]


class GpuEstimator:
    """Reads frames on a GPU; thread-safe: threads that read at the same time share batches."""

    def __init__(self, name: str, run: Callable[[Frames], Ages], close: Callable[[], None]) -> None:
        """``run`` maps frames uint8 [N, S, S, 3] to ages float32 [N, 1, G, G]; ``close`` frees it."""
        self.name = name
        self._batches = SharedBatches(lambda frames: (run(frames[0]),), MOST)
        self._close = close

    def read(self, frame: Frames) -> Ages:
        """The apparent ages of a frame, uint8 [S, S, 3], in years, float32 [1, G, G]; raises EngineError."""
        ages: Ages
        (ages,) = self._batches(frame)
        return ages

    def close(self) -> None:
        """Free the GPU's memory."""
        self._close()


def open_gpu_estimator(bundle: Bundle, device: str) -> GpuEstimator:
    """The bundle's estimator on the first GPU of ``device`` ("cuda", "cuda:N"): in TensorRT, or in PyTorch.

    Raises EngineError, which says why neither can run there.
    """
    cuda = load_cuda()
    gpu = find_gpus(cuda, device)[0]
    cuda.use(gpu.number)
    why_not = []
    for flavour in FLAVOURS:
        try:
            return of_program(cuda, gpu.number, _tensorrt_program(bundle, cuda, gpu, flavour))
        except AmganError as error:
            why_not.append(f"{FLAVOURS[flavour]}: {error}")
    try:
        from .pytorch import load_torch

        return of_torch(TorchCuda(load_torch(), gpu.number), bundle)
    except AmganError as error:
        why_not.append(f"PyTorch: {error}")
        raise EngineError("; ".join(why_not)) from error


def of_program(cuda: Cuda, gpu: int, program: CudaProgram) -> GpuEstimator:
    """An estimator's program, which is closed with the result; raises EngineError."""
    runner = ArrayRunner(cuda, gpu, program)

    def run(frames: Frames) -> Ages:
        ages: Ages = runner.run({"image": frames})["ages"]
        return ages

    return GpuEstimator(program.name, run, runner.close)


def of_torch(cuda: TorchCuda, bundle: Bundle) -> GpuEstimator:
    """The bundle's fp32 estimator in PyTorch; raises EngineError or MissingDependencyError."""
    from .onnx_graph import OnnxNetwork

    torch = cuda.torch
    network = OnnxNetwork(bundle.file("estimator", Precision.FP32), cuda.device)

    def run(frames: Frames) -> Ages:
        try:
            # TF32 would change readings by some tenths of a year.
            flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
            with torch.inference_mode(), flags:
                ages: Ages = network(torch.from_numpy(frames).to(cuda.device)).cpu().numpy()
        except RuntimeError as error:
            lines: list[Any] = str(error).strip().splitlines() or [type(error).__name__]
            raise EngineError(f"PyTorch failed on the estimator, {lines[0]}: run `amgan doctor`") from error
        return ages

    return GpuEstimator("PyTorch CUDA", run, cuda.release)


def _tensorrt_program(bundle: Bundle, cuda: Cuda, gpu: GpuInfo, flavour: str) -> CudaProgram:
    """The first estimator engine of a flavour that can run on a GPU; raises EngineError."""
    from .tensorrt import TensorRtProgram
    from .tensorrt_library import load_tensorrt

    if importlib.util.find_spec(flavour) is None:
        raise EngineError("it is not installed")
    version = str(load_tensorrt(flavour).__version__)
    path, entry = find_engines(bundle, "estimator", flavour, version, gpu.compute)[0]
    program = TensorRtProgram(cuda, path, entry, gpu=gpu)
    spec = bundle.manifest.estimator
    shapes = (program.inputs["image"].shape, program.outputs["ages"].shape) if _is_one(program) else ()
    if shapes != ((spec.frame_px, spec.frame_px, 3), (1, spec.grid, spec.grid)):
        program.close()
        raise EngineError(f"'{path}' is no estimator of this bundle: build it again")
    return program


def _is_one(program: CudaProgram) -> bool:
    return set(program.inputs) == {"image"} and set(program.outputs) == {"ages"}
