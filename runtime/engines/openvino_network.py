"""The one door to OpenVINO: importing it, and compiling a network for the CPU.

Whatever runs on OpenVINO goes through here, so that every network is compiled with the same options.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..bundle.precision import Precision
from ..errors import BundleError, EngineError, UsageError
from .compiled_cache import compiled
from .other_size import for_squares

POSITION_WAVES = ("Sin", "Cos")
_TELEMETRY = "openvino_telemetry"
_HINTS = {Precision.FP32: "f32", Precision.BF16: "bf16"}
"""What OpenVINO calls the precisions that a CPU computes in."""


def load_openvino() -> ModuleType:
    """The package `openvino`, imported at the first call.

    OpenVINO reports its import, and each conversion, to a server of its makers through the package
    openvino-telemetry, and writes a number for this user into the home folder. It does without where that
    package cannot be imported, so it is told so before. A program that imported OpenVINO before AMGAN has
    made its own choice, which stays. Raises ImportError where OpenVINO is not installed or cannot be loaded.
    """
    if "openvino" not in sys.modules:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # how Python marks what must not be imported
    return importlib.import_module("openvino")


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU."""
    return "BF16" in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def choose_precision(precision: Precision | None) -> Precision:
    """The precision to compile for; None takes bf16 where the CPU has it.

    Raises UsageError for one that no CPU has, EngineError for one that this CPU has not.
    """
    if precision is None:
        return Precision.BF16 if cpu_has_bf16() else Precision.FP32
    if precision not in _HINTS:
        raise UsageError(f"the CPU engine does not compute in {precision}: write fp32 or bf16")
    if precision is Precision.BF16 and not cpu_has_bf16():
        raise EngineError("this CPU has no bf16: use precision fp32, or leave the precision out")
    return precision


def compile_network(
    network: Path | bytes | Any,
    precision: Precision = Precision.FP32,
    *,
    inputs: tuple[str, ...] | None = None,
    least: Mapping[str, tuple[int, ...]] | None = None,
    side_px: int | None = None,
    streams: int | None = None,
    threads: int | None = None,
) -> Any:
    """Compile a network for the CPU; returns the openvino.CompiledModel.

    ``network`` is a file (ONNX, TFLite), the content of an ONNX file, or an openvino.Model; it must have
    exactly the ``inputs`` where they are given. ``least`` is the smallest shape that each input will have,
    ``side_px`` another size of the squares that a fully convolutional network takes (see `other_size.py`).
    ``streams`` is how many inputs are computed concurrently, ``threads`` how many cores they share; OpenVINO
    decides where they are None. In bf16 the positions of pixels are computed in fp32 all the same. What a
    file compiles to is kept for the next program (`compiled_cache.py`).

    Raises BundleError for other inputs, UsageError and EngineError for a precision that cannot be had, and
    EngineError where OpenVINO refuses the file.
    """
    openvino = load_openvino()
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _HINTS[choose_precision(precision)],
        # A thread that is tied to one core waits there for whatever else runs on it, such as a JPEG.
        "ENABLE_CPU_PINNING": False,
    }
    if streams is not None:
        options["NUM_STREAMS"] = str(streams)
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    name = f"'{network}'" if isinstance(network, Path) else "the network"

    def compile() -> Any:
        core = openvino.Core()
        try:
            model: Any = network
            if isinstance(network, Path):
                model = core.read_model(network)
            elif isinstance(network, bytes):
                model = core.read_model(network, b"")
            _require_inputs(model, inputs, name)
            if least:
                model.reshape({name: _from(model.input(name), shape) for name, shape in least.items()})
            if side_px:
                model = for_squares(openvino, model, side_px)
            if precision is Precision.BF16:
                _keep_positions_exact(model)
            return core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {name}: {last_line(error)}") from error

    if not isinstance(network, Path) or not network.is_file():
        return compile()
    made_with = {"options": options, "least": least, "inputs": inputs, "side_px": side_px}
    return compiled(openvino, network.read_bytes(), made_with, compile)


def last_line(error: Exception) -> str:
    """What an error of OpenVINO says in the end; the lines before tell where in its sources it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _require_inputs(model: Any, inputs: tuple[str, ...] | None, name: str) -> None:
    names = {name for port in model.inputs for name in port.get_names()}
    if inputs is not None and (len(model.inputs) != len(inputs) or not names >= set(inputs)):
        there, wanted = ", ".join(sorted(names)), ", ".join(inputs)
        raise BundleError(f"{name} has the inputs {there} instead of {wanted}: export the bundle again")


def _keep_positions_exact(model: Any) -> None:
    """Have a model that is compiled for bf16 compute where on the face each pixel lies in fp32.

    In bf16 a place on the atlas is off by up to a texel, and the picture of a network with strong lines by up
    to 180 code values. OpenVINO computes in fp32 whatever leads to an output without a convolution between,
    so one number of each plane of places becomes an output, which nobody reads.
    """
    opset = load_openvino().opset13
    nodes = model.get_ordered_ops()
    places = [node.output(0) for node in nodes if node.get_type_name() in POSITION_WAVES]
    places += [node.input_value(1) for node in nodes if node.get_type_name() == "GridSample"][:1]
    if places:
        model.add_outputs([opset.slice(one, [0] * 4, [1] * 4, [1] * 4).output(0) for one in places])


def _from(port: Any, least: tuple[int, ...]) -> Any:
    """The shape of an input with a least size wherever it is open."""
    openvino = load_openvino()
    sizes = zip(port.get_partial_shape(), least, strict=True)
    return openvino.PartialShape([openvino.Dimension(n, -1) if d.is_dynamic else d for d, n in sizes])
