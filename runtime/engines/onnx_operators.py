"""The ONNX operators of AMGAN's networks, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Attributes = Mapping[str, Any]


class Network(Protocol):
    """The interface that operators use of their network."""

    @property
    def device(self) -> torch.device:
        """The device of the network."""

    def place(self, value: Tensor, name: str) -> Tensor:
        """Move a constant to where its type is needed."""

    def matched(self, x: Tensor, *weights: Tensor | None) -> list[Tensor | None]:
        """Input and weights of a convolution, cast to the type in which it is computed."""


Operator = Callable[[Network, Attributes, list[Any]], Any]

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": torch.relu, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Sin": torch.sin, "Cos": torch.cos,
    "Log": torch.log, "Exp": torch.exp, "Sqrt": torch.sqrt, "Neg": torch.neg, "Abs": torch.abs,
    "Round": torch.round, "Floor": torch.floor, "Identity": lambda x: x,
}  # fmt: skip
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow,
    "Min": torch.minimum, "Max": torch.maximum,
}  # fmt: skip
TYPES = {
    1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16,
    16: torch.bfloat16, 17: torch.float8_e4m3fn,
}  # fmt: skip
"""Types by ONNX's numbers (TensorProto.DataType)."""
WIDE = frozenset({"Tanh", "Sigmoid", "Sin", "Cos", "Log", "Exp", "Round"})
"""Operators that are always computed in fp32, as their rounding errors change code values."""


def to_torch(tensor: Any) -> Tensor:
    """A tensor of an ONNX file (TensorProto) in PyTorch, on the CPU."""
    from onnx import TensorProto, numpy_helper

    array = numpy_helper.to_array(tensor)
    if tensor.data_type == TensorProto.BFLOAT16:
        return torch.from_numpy(array.astype("float32")).to(torch.bfloat16)
    if tensor.data_type == TensorProto.FLOAT8E4M3FN:
        return torch.from_numpy(array.astype("float32")).to(torch.float8_e4m3fn)
    return torch.from_numpy(array.copy())


def _numbers(value: Any) -> list[int]:
    """An integer tensor or attribute as a list."""
    return [int(v) for v in (value.reshape(-1).tolist() if isinstance(value, Tensor) else value)]


def _argument(attributes: Attributes, inputs: list[Any], place: int, name: str) -> list[int] | None:
    """An argument that is an input in newer opsets and an attribute in older ones; None if absent."""
    if len(inputs) > place and inputs[place] is not None:
        return _numbers(inputs[place])
    return _numbers(attributes[name]) if name in attributes else None


def _pads(attributes: Attributes, spatial: int) -> list[int]:
    """Padding of a convolution, which PyTorch requires to be equal at both ends."""
    pads = list(attributes.get("pads", [0] * (2 * spatial)))
    if pads[:spatial] != pads[spatial:]:
        raise ValueError(f"uneven padding {pads}")
    return pads[:spatial]


def _padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> Tensor:
    """Pad height and width as the attribute ``pads`` says: tops and lefts first, then bottoms and rights."""
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    return F.pad(x, (left, right, top, bottom), value=value)


def _conv(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x, weight, bias = net.matched(args[0], args[1], args[2] if len(args) > 2 else None)
    assert x is not None and weight is not None
    spatial = weight.dim() - 2
    stride, dilation = at.get("strides", [1] * spatial), at.get("dilations", [1] * spatial)
    pads = at.get("pads", [0] * (2 * spatial))
    if pads[:spatial] != pads[spatial:]:
        x, at = _padded(x, at), {**at, "pads": [0] * (2 * spatial)}
    kind = x.dtype
    if x.device.type == "cpu" and kind in (torch.float16, torch.bfloat16):
        # Rounded once, as on a GPU. Most CPUs take ten times as long for a convolution in half precision.
        x, weight, bias = x.float(), weight.float(), None if bias is None else bias.float()
    made = F.conv2d(x, weight, bias, stride, _pads(at, spatial), dilation, at.get("group", 1))
    return made.to(kind)


def _conv_transpose(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x, weight, bias = net.matched(args[0], args[1], args[2] if len(args) > 2 else None)
    assert x is not None and weight is not None
    spatial = weight.dim() - 2
    stride = at.get("strides", [1] * spatial)
    extra = at.get("output_padding", [0] * spatial)
    return F.conv_transpose2d(x, weight, bias, stride, _pads(at, spatial), extra, at.get("group", 1))


def _cast(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    if at["to"] not in TYPES:
        raise ValueError(f"type {at['to']} is not known")
    made: Tensor = args[0].to(TYPES[at["to"]])
    return made


def _range(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    return torch.arange(*(int(a) for a in args), device=net.device)


def _shape(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    sizes = list(args[0].shape)
    return torch.tensor(sizes[at.get("start", 0) : at.get("end", len(sizes))])


def _slice(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x = args[0]
    starts, ends = _numbers(args[1]), _numbers(args[2])
    axes = _argument(at, args, 3, "axes") or list(range(len(starts)))
    steps = _argument(at, args, 4, "steps") or [1] * len(starts)
    index = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(start, end, step)
    made: Tensor = x[tuple(index)]
    return made


def _split(net: Network, at: Attributes, args: list[Any]) -> tuple[Tensor, ...]:
    axis = at.get("axis", 0)
    sizes = _argument(at, args, 1, "split")
    if sizes is None:
        return tuple(args[0].chunk(at["num_outputs"], axis))
    return tuple(args[0].split(sizes, axis))


def _squeeze(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    axes = _argument(at, args, 1, "axes")
    made: Tensor = args[0].squeeze() if axes is None else args[0].squeeze(tuple(axes))
    return made


def _unsqueeze(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x = args[0]
    axes = _argument(at, args, 1, "axes") or []
    for axis in sorted(a % (x.dim() + len(axes)) for a in axes):
        x = x.unsqueeze(axis)
    made: Tensor = x
    return made


def _depth_to_space(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x, size = args[0], at["blocksize"]
    n, channels, height, width = x.shape
    rest = channels // (size * size)
    if at.get("mode", b"DCR") == b"CRD":
        parts = x.reshape(n, rest, size, size, height, width).permute(0, 1, 4, 2, 5, 3)
    else:
        parts = x.reshape(n, size, size, rest, height, width).permute(0, 3, 4, 1, 5, 2)
    made: Tensor = parts.reshape(n, rest, height * size, width * size)
    return made.contiguous(memory_format=torch.channels_last)


def _space_to_depth(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x, size = args[0], at["blocksize"]
    n, channels, height, width = x.shape
    parts = x.reshape(n, channels, height // size, size, width // size, size).permute(0, 3, 5, 1, 2, 4)
    made: Tensor = parts.reshape(n, channels * size * size, height // size, width // size)
    return made


def _grid_sample(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    mode, padding = at.get("mode", b"linear"), at.get("padding_mode", b"zeros").decode()
    if mode not in {b"linear", b"bilinear"}:
        raise ValueError(f"mode {mode!r} is not known")
    corners = bool(at.get("align_corners", 0))
    return F.grid_sample(args[0].float(), args[1].float(), "bilinear", padding, corners)


def _expand(x: Tensor, sizes: list[int]) -> Tensor:
    """ONNX's Expand, in which a size of 1 keeps the tensor's size."""
    shape = [1] * (len(sizes) - x.dim()) + list(x.shape)
    wanted = [1] * (len(shape) - len(sizes)) + sizes
    return x.expand([max(a, b) for a, b in zip(shape, wanted, strict=True)])


def _clip(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    low, high = (args[i] if len(args) > i else at.get(n) for i, n in ((1, "min"), (2, "max")))
    return torch.clamp(args[0], low, high)


def _quantize(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    """Divide by a scale, and round to the 8-bit floating-point type of the zero point, which is zero."""
    x, scale, zero = args
    if not zero.is_floating_point():
        raise ValueError(f"quantising to {zero.dtype} is not known")
    limit = torch.finfo(zero.dtype).max
    made: Tensor = (x.float() / scale.float()).clamp(-limit, limit).to(zero.dtype)
    return made


def dequantize(codes: Tensor, scale: Tensor, axis: int = 1) -> Tensor:
    """Codes of 8 bits times a scale, or times one for each index of an axis; in the scale's type."""
    if scale.dim():
        scale = scale.reshape([-1 if i == axis else 1 for i in range(codes.dim())])
    made: Tensor = (codes.float() * scale.float()).to(scale.dtype)
    return made


def _constant(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    return net.place(to_torch(at["value"]), "")


def _leaky(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    return F.leaky_relu(args[0], at.get("alpha", 0.01))


def _max_pool(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x = _padded(args[0], at, float("-inf"))
    return F.max_pool2d(x, at["kernel_shape"], at.get("strides", [1, 1]))


def _pad(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    """Padding with zeros; the sizes are those before every axis, then those after every axis."""
    sizes = _numbers(args[1])
    ends = list(zip(sizes, sizes[len(sizes) // 2 :], strict=False))
    return F.pad(args[0], [size for pair in reversed(ends) for size in pair])


def _prelu(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    x, slope = args
    return torch.where(x < 0, x * slope, x)


def _resize(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    """Bilinear resizing by the input ``scales``."""
    known = (at.get("mode"), at.get("coordinate_transformation_mode", b"half_pixel"), len(args))
    if known != (b"linear", b"half_pixel", 3):
        raise ValueError(f"resizing {known} is not known")
    scales = [float(scale) for scale in args[2].tolist()]
    if scales[:2] != [1.0, 1.0]:
        raise ValueError(f"resizing by {scales} is not known")
    return F.interpolate(args[0], scale_factor=tuple(scales[2:]), mode="bilinear", align_corners=False)


def _reduce_mean(net: Network, at: Attributes, args: list[Any]) -> Tensor:
    axes = _argument(at, args, 1, "axes") or list(range(args[0].dim()))
    made: Tensor = args[0].mean(axes, keepdim=bool(at.get("keepdims", 1)))
    return made


OPERATORS: dict[str, Operator] = {
    "Conv": _conv, "ConvTranspose": _conv_transpose, "Cast": _cast, "Range": _range, "Shape": _shape,
    "Slice": _slice, "Split": _split, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Clip": _clip,
    "DepthToSpace": _depth_to_space, "SpaceToDepth": _space_to_depth, "Constant": _constant,
    "LeakyRelu": _leaky, "GridSample": _grid_sample, "MaxPool": _max_pool, "Pad": _pad, "PRelu": _prelu,
    "Resize": _resize, "ReduceMean": _reduce_mean, "QuantizeLinear": _quantize,
    "DequantizeLinear": lambda net, at, args: dequantize(args[0], args[1], at.get("axis", 1)),
    "Transpose": lambda net, at, args: args[0].permute(*at["perm"]),
    "Concat": lambda net, at, args: torch.cat(args, at["axis"]),
    "MatMul": lambda net, at, args: args[0] @ args[1],
    "Expand": lambda net, at, args: _expand(args[0], _numbers(args[1])),
    "Reshape": lambda net, at, args: args[0].reshape(_numbers(args[1])),
}  # fmt: skip
