"""Small networks of one picture at a time: on the CPU, or on a GPU in batches over all threads' pictures."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.engine_files import FLAVOURS
from ..errors import EngineError
from .cuda.api import load_cuda
from .cuda.arrays import ArrayRunner
from .cuda.program import CudaProgram, Tensor
from .gpus import find_gpus
from .openvino_network import last_line
from .shared_batches import SharedBatches

MOST = 16
"""The maximum number of pictures in a batch."""

Network = Callable[..., tuple[NDArray[Any], ...]]
"""Takes an array [1, ...] per input and gives one [1, ...] per output; thread-safe; raises EngineError."""


class CpuNetwork:
    """A network that OpenVINO compiled (openvino.CompiledModel), with an inference request per thread."""

    def __init__(self, model: Any, what: str) -> None:
        """``what`` names the network in errors."""
        self._model, self._what = model, what
        self._local = threading.local()

    def __call__(self, *inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run the network; see Network. The thread's next call overwrites the outputs."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        try:
            found = self._local.request.infer(dict(enumerate(inputs)), share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on {self._what}: {last_line(error)}") from error
        return tuple(found.values())


class GpuNetwork:
    """A program on a GPU; threads that call it at the same time share batches."""

    def __init__(self, runner: ArrayRunner) -> None:
        """Take ownership of a runner, which is closed with the network."""
        self.name = runner.program.name
        self._runner = runner
        self._batches = SharedBatches(self._run, MOST)

    def __call__(self, *inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run the network; see Network."""
        return tuple(one[None] for one in self._batches(*(array[0] for array in inputs)))

    def close(self) -> None:
        """Free the GPU's memory."""
        self._runner.close()

    def _run(self, inputs: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        found = self._runner.run(dict(zip(self._runner.program.inputs, inputs, strict=True)))
        return tuple(found[name] for name in self._runner.program.outputs)


def open_gpu_network(engine: str, device: str, path: Path, inputs: Mapping[str, Tensor]) -> GpuNetwork:
    """An ONNX file on the first GPU of ``device`` ("cuda:N"), for inputs without the batch axis.

    ``engine`` is the name of the generator's engine: the network runs in the same library, in which TensorRT
    builds it here if need be. Raises EngineError and MissingDependencyError.
    """
    cuda = load_cuda()
    gpu = find_gpus(cuda, device)[0]
    cuda.use(gpu.number)
    program: CudaProgram
    for flavour, name in FLAVOURS.items():
        if engine == name and importlib.util.find_spec(flavour) is not None:
            from .tensorrt_here import open_here

            program = open_here(cuda, gpu, flavour, path, inputs, MOST)
            break
    else:
        from .cuda.torch_gpu import TorchCuda
        from .pytorch import load_torch
        from .torch_network import TorchNetwork

        program = TorchNetwork(TorchCuda(load_torch(), gpu.number), path, inputs, MOST)
    return GpuNetwork(ArrayRunner(cuda, gpu.number, program))


def apart(one: tuple[NDArray[Any], ...], other: tuple[NDArray[Any], ...]) -> float:
    """The largest difference of two networks' outputs, as a share of the output's largest value (at least 1).

    Outputs may come in any order, and with any number of axes. NaN if one has none, or they do not match.
    """
    by_size = [sorted((np.asarray(array).ravel() for array in some), key=len) for some in (one, other)]
    if [len(array) for array in by_size[0]] != [len(array) for array in by_size[1]]:
        return float("nan")
    shares = [np.abs(a - b).max() / max(1.0, np.abs(b).max()) for a, b in zip(*by_size, strict=True)]
    return float(max(shares)) if np.isfinite(shares).all() else float("nan")
