"""Checks that an engine computes its heavy convolutions in half precision.

Networks are strongly typed, so the types of the parsed network are those of the engine. Reading them needs
no GPU; with a GPU, the finished engine is inspected as well.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from amgan.runtime.errors import EngineError

HEAVY = 0.01
"""Share of all convolutions' arithmetic from which a convolution is heavy and must be in half precision."""
ENOUGH = 0.95
"""Share of the convolutions' arithmetic that must be in half precision, light ones included."""

TYPES = {"fp16": "HALF", "bf16": "BF16", "fp32": "FLOAT"}
_NAMES = {"FLOAT16": "HALF", "FLOAT32": "FLOAT", "BFLOAT16": "BF16"}
_IN_ENGINE = {
    "bf16": re.compile(r"\b(bf16|bfloat16)\b", re.I),
    "fp16": re.compile(r"\b(fp16|half|f16|float16)\b", re.I),
    "fp32": re.compile(r"\b(fp32|float|f32|float32)\b", re.I),
}
_TYPE_KEYS = ("datatype", "format/datatype", "format", "type")
"""Where an inspector writes the type of a tensor or of weights: TensorRT 11 and TensorRT for RTX write
Datatype for tensors, and a Format that may be without any type; TensorRT 10 writes both as Format/Datatype,
and no type if the batch is open. Weights have a Type in all of them. Upper and lower case vary."""


@dataclass(frozen=True)
class Convolution:
    """One convolution: its arithmetic for one picture (FLOP), and its types, one if all are the same."""

    name: str
    flop: int
    types: tuple[str, ...]


@dataclass(frozen=True)
class PrecisionReport:
    """The convolutions of a network."""

    convolutions: tuple[Convolution, ...]

    @property
    def flop(self) -> int:
        """Arithmetic of all convolutions for one picture."""
        return sum(c.flop for c in self.convolutions)

    def share(self, *types: str) -> float:
        """Share of the arithmetic (0..1) done by convolutions that are wholly of one of the types."""
        return sum(c.flop for c in self.convolutions if c.types in [(t,) for t in types]) / max(self.flop, 1)

    @property
    def half_share(self) -> float:
        """Share of the arithmetic (0..1) in half precision, FP16 or BF16."""
        return self.share("HALF", "BF16")

    @property
    def heavy(self) -> tuple[Convolution, ...]:
        """The convolutions with at least `HEAVY` of the arithmetic, heaviest first."""
        heavy = [c for c in self.convolutions if c.flop >= HEAVY * self.flop]
        return tuple(sorted(heavy, key=lambda c: -c.flop))


def inspect_network(trt: Any, network: Any) -> PrecisionReport:
    """Read the types and arithmetic of all convolutions of a parsed network whose picture size is fixed."""
    found = []
    for number in range(network.num_layers):
        layer = network.get_layer(number)
        if layer.type == trt.LayerType.CONVOLUTION:
            layer.__class__ = trt.IConvolutionLayer
        elif layer.type == trt.LayerType.DECONVOLUTION:
            layer.__class__ = trt.IDeconvolutionLayer
        else:
            continue
        found.append(Convolution(layer.name, _flop(trt, layer), _types(layer)))
    return PrecisionReport(tuple(found))


def require_precision(report: PrecisionReport, precision: str, source: str) -> None:
    """Raise EngineError unless all heavy convolutions of ``source`` and ENOUGH of all have the precision."""
    wanted = TYPES[precision]
    if not report.convolutions:
        raise EngineError(f"'{source}' has no convolution, so nothing shows that it is {precision}")
    wrong = next((c for c in report.heavy if c.types != (wanted,)), None)
    share = report.share(wanted)
    if wrong is None and share >= ENOUGH:
        return
    example = f", and its heavy convolution {wrong.name!r} is {'/'.join(wrong.types)}" if wrong else ""
    raise EngineError(
        f"'{source}' is not {precision}: {share:.1%} of its convolutions' arithmetic is{example}; no engine "
        f"was written, export its ONNX file with --{precision}"
    )


def inspect_engine(trt: Any, engine: Any, report: PrecisionReport, precision: str, name: str) -> int:
    """Inspect the heavy convolutions of a loaded engine; returns how many the inspector reports.

    A convolution that the inspector omits, or reports only as part of a fused region, is no fault: the types
    of the parsed network were checked. Raises EngineError if a layer that is such a convolution has inputs
    and outputs of another floating-point type only.
    """
    if precision not in TYPES or precision == "fp32":
        return 0
    layers = _layers(trt, engine)
    answered = 0
    for convolution in report.heavy:
        mine = [layer for layer in layers if convolution.name in _names(layer) and not _is_region(layer)]
        kinds = {kind for layer in mine for kind in _kinds(layer)}
        if not kinds:
            continue
        if precision in kinds:
            answered += 1
        elif not any(_casts(layer) for layer in mine):
            raise EngineError(
                f"{name} is not {precision}: TensorRT runs its heavy convolution {convolution.name!r} in "
                f"{', '.join(sorted(kinds))}; no engine was written, try another version of TensorRT"
            )
    return answered


def _layers(trt: Any, engine: Any) -> list[dict[str, Any]]:
    """The layers that an engine's inspector reports in detail."""
    inspector = engine.create_engine_inspector()
    text = inspector.get_engine_information(trt.LayerInformationFormat.JSON) if inspector else ""
    try:
        content = json.loads(text or "{}")
    except ValueError:
        return []
    layers = content.get("Layers") if isinstance(content, dict) else None
    return [layer for layer in layers or [] if isinstance(layer, dict)]


def _is_region(layer: dict[str, Any]) -> bool:
    """Whether a layer is a fused region of the network, whose ends do not show the types inside."""
    return "ForeignNode" in f"{layer.get('LayerType', '')} {layer.get('Name', '')}"


def _casts(layer: dict[str, Any]) -> bool:
    """Whether a cast was fused into a layer, so that its ends have other types than its convolution."""
    return any("cast" in name.lower() for name in _names(layer))


def _tensors(layer: dict[str, Any]) -> list[dict[str, Any]]:
    found = [*(layer.get("Inputs") or []), *(layer.get("Outputs") or [])]
    return [tensor for tensor in found if isinstance(tensor, dict)]


def _kinds(layer: dict[str, Any]) -> set[str]:
    """The floating-point types of a layer's inputs and outputs, or of its weights if those are not told."""
    weights = layer.get("Weights")
    told = {kind for kind in map(_kind, _tensors(layer)) if kind}
    return told or ({_kind(weights)} - {""} if isinstance(weights, dict) else set())


def _kind(tensor: dict[str, Any]) -> str:
    """A tensor's floating-point type ("fp16", "bf16", "fp32"); empty if unknown or another type."""
    said = {str(key).lower(): str(value) for key, value in tensor.items()}
    text = next((said[key] for key in _TYPE_KEYS if said.get(key)), "")
    return next((kind for kind, words in _IN_ENGINE.items() if words.search(text)), "")


def _names(layer: dict[str, Any]) -> set[str]:
    """Names of the ONNX nodes that an engine's layer was fused from."""
    text = f"{layer.get('Name', '')} {layer.get('Metadata', '')}"
    return set(re.findall(r"[^\s\[\]+,():\x1e\x1f]+", text))


def _types(layer: Any) -> tuple[str, ...]:
    """The types of a convolution's input, kernel and output, each once."""
    kernel = layer.get_input(1) if layer.num_inputs > 1 else None
    kernel_type = layer.kernel.dtype if kernel is None else kernel.dtype
    types = [layer.get_input(0).dtype, kernel_type, layer.get_output(0).dtype]
    return tuple(dict.fromkeys(_type_name(t) for t in types))


def _type_name(kind: Any) -> str:
    """One name for TensorRT's and NumPy's types."""
    name = str(getattr(kind, "name", kind)).upper()
    return _NAMES.get(name, name)


def _flop(trt: Any, layer: Any) -> int:
    """Arithmetic of a convolution for one picture; raises EngineError if its size is not fixed."""
    # A convolution does the work for every output pixel, a transposed one for every input pixel.
    many, few = layer.get_output(0).shape, layer.get_input(0).shape
    if layer.type == trt.LayerType.DECONVOLUTION:
        many, few = few, many
    sizes = [*many[1:], few[1]]
    if min(sizes) < 1:
        raise EngineError(f"the size of the convolution {layer.name!r} depends on more than the tile's size")
    return int(2 * math.prod(sizes) // layer.num_groups * math.prod(layer.kernel_size_nd))
