"""Small networks in PyTorch as CudaPrograms, such as those that find faces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..bundle.precision import Precision
from .cuda.program import Tensor, batch_sizes
from .cuda.torch_gpu import TorchCuda
from .torch_slots import TorchSlots


class TorchNetwork(TorchSlots):
    """An ONNX network for inputs of one size; implements CudaProgram."""

    def __init__(
        self, cuda: TorchCuda, path: Path, inputs: Mapping[str, Tensor], most: int, *, graphs: bool = True
    ) -> None:
        """Load a file for batches of up to ``most``; ``inputs`` without the batch axis, in their order.

        Raises EngineError for a file that cannot be run on them, MissingDependencyError without onnx, and
        OutOfMemoryError.
        """
        from .onnx_graph import OnnxNetwork

        network = OnnxNetwork(path, cuda.device)
        super().__init__(cuda, network, Precision.FP32, graphs=graphs, search=False)
        self.inputs, self.batches = dict(inputs), batch_sizes(1, most)
        with self._tidy(), cuda.torch.inference_mode():
            probe = [cuda.zeros((1, *tensor.shape), tensor.dtype) for tensor in inputs.values()]
            made = network.run_all(*probe)
            self._bytes = cuda.peak_bytes(lambda: network.run_all(*probe))
        self.outputs = {
            name: Tensor(tuple(one.shape[1:]), np.dtype(str(one.dtype).removeprefix("torch.")))
            for name, one in zip(network.outputs, made, strict=True)
        }

    def memory(self, slots: int, batch: int) -> int:
        """Estimated bytes of slots: the shared intermediate results, and the tensors."""
        tensors = sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())
        return self._bytes * batch + slots * batch * tensors
