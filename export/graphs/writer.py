"""Writes small ONNX graphs node by node, with typed constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 18
FP8_OPSET = 19
BF16_OPSET = 22
ELEMENT = {
    torch.float32: TensorProto.FLOAT,
    torch.float16: TensorProto.FLOAT16,
    torch.bfloat16: TensorProto.BFLOAT16,
    torch.uint8: TensorProto.UINT8,
    torch.float8_e4m3fn: TensorProto.FLOAT8E4M3FN,
}


class GraphWriter:
    """Collects nodes and constants; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> Any:
        """Add a node; returns the output's name, or a list of them when there are several."""
        base = name or f"{kind.lower()}_{len(self._nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=base, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Tensor | Sequence[int] | int | float) -> str:
        """Add a constant unless it exists: a tensor with its dtype, integers as int64, a float as fp32."""
        if isinstance(value, Tensor):
            array = _to_numpy(value)
        elif isinstance(value, float):
            array = np.array(value, np.float32)
        else:
            array = np.array(value, np.int64)
        made = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape))
        key = f"{made.data_type}{list(made.dims)}".encode() + made.raw_data
        for name, old in self._constants.items():
            if f"{old.data_type}{list(old.dims)}".encode() + old.raw_data == key:
                return name
        made.name = f"constant_{len(self._constants)}"
        self._constants[made.name] = made
        return made.name

    def convolution(self, x: str, layer: nn.Conv2d) -> str:
        """Add a convolution with its weights."""
        return self._convolution(layer, x, self.constant(layer.weight))

    def _convolution(self, layer: nn.Conv2d, *inputs: str) -> str:
        if layer.bias is not None:
            inputs = (*inputs, self.constant(layer.bias))
        pads = [int(p) for p in layer.padding] * 2
        made: str = self.node(
            "Conv", *inputs, kernel_shape=list(layer.kernel_size), strides=list(layer.stride), pads=pads
        )
        return made

    def convolution_in_codes(
        self, x: str, layer: nn.Conv2d, codes: Tensor, scales: tuple[float, Tensor]
    ) -> str:
        """Add a convolution of quantised x, whose weights are codes times scales.

        ``scales`` are that of x, and those of the output channels.
        """
        work, (by, each) = layer.weight.dtype, scales
        scale, zero = self.constant(torch.tensor(by, dtype=work)), torch.zeros((), dtype=codes.dtype)
        rounded = self.node("QuantizeLinear", x, scale, self.constant(zero))
        x = self.node("DequantizeLinear", rounded, scale)
        weight = self.node("DequantizeLinear", self.constant(codes), self.constant(each.to(work)), axis=0)
        return self._convolution(layer, x, weight)

    def slice(self, x: str, ranges: dict[int, tuple[int, int]]) -> str:
        """Cut x: axis to (start, end), both as in Python."""
        starts, ends = [r[0] for r in ranges.values()], [r[1] for r in ranges.values()]
        made: str = self.node(
            "Slice", x, self.constant(starts), self.constant(ends), self.constant(list(ranges))
        )
        return made

    def crop(self, x: str, margin: int) -> str:
        """Cut ``margin`` rows and columns off every side of x [N, C, H, W]."""
        return self.slice(x, {2: (margin, -margin), 3: (margin, -margin)})

    def cast(self, x: str, dtype: torch.dtype, name: str = "") -> str:
        """Convert x to another type."""
        made: str = self.node("Cast", x, to=ELEMENT[dtype], name=name)
        return made

    def model(
        self,
        inputs: dict[str, tuple[torch.dtype, list[int | str]]],
        outputs: dict[str, tuple[torch.dtype, list[int | str]]],
    ) -> onnx.ModelProto:
        """The finished, checked model; inputs and outputs map names to types and shapes."""
        graph = helper.make_graph(
            self._nodes,
            "amgan",
            [helper.make_tensor_value_info(n, ELEMENT[t], s) for n, (t, s) in inputs.items()],
            [helper.make_tensor_value_info(n, ELEMENT[t], s) for n, (t, s) in outputs.items()],
            list(self._constants.values()),
        )
        # Convolutions know bf16 from opset 22 on, and quantisation fp8 from 19; older ones are read by more
        # engines.
        opsets: dict[int, int] = {TensorProto.BFLOAT16: BF16_OPSET, TensorProto.FLOAT8E4M3FN: FP8_OPSET}
        opset = max(opsets.get(constant.data_type, OPSET) for constant in self._constants.values())
        imports = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, opset_imports=imports, producer_name="amgan")
        model.ir_version = 10
        onnx.checker.check_model(model, full_check=True)
        return model


def _to_numpy(value: Tensor) -> np.ndarray[Any, Any]:
    tensor = value.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy().astype(ml_dtypes.bfloat16)
    if tensor.dtype == torch.float8_e4m3fn:
        return tensor.view(torch.uint8).numpy().view(ml_dtypes.float8_e4m3fn)
    return tensor.numpy()
