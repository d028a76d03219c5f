"""Imports OpenVINO and compiles networks for the CPU.

The only module that imports OpenVINO, so that every network is compiled with the same options.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..bundle.precision import Precision
from ..errors import BundleError, EngineError, UsageError
from ..files import file_sha256
from .compiled_cache import compiled, read_cpu
from .other_size import for_squares

POSITION_WAVES = ("Sin", "Cos")
_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"
_HINTS = {Precision.FP32: "f32", Precision.BF16: "bf16"}
"""OpenVINO's names of the precisions that CPUs support."""
_loading = threading.RLock()


def load_openvino() -> ModuleType:
    """Import the package `openvino` at the first call.

    OpenVINO reports its import and each conversion to a server through the package openvino-telemetry, and
    writes a user id into the home folder. It skips that if the package cannot be imported, so the import is
    blocked here. If a program imported OpenVINO before AMGAN, its telemetry is left as it is. The converter,
    half of the import, is imported only when `openvino.convert_model` is asked for. Raises ImportError if
    OpenVINO is not installed or cannot be loaded.
    """
    with _loading:
        openvino = _import_openvino()
        _take_first_array(openvino)
    return openvino


@functools.cache
def _take_first_array(openvino: ModuleType) -> None:
    """Give OpenVINO its first array while no other thread does.

    Its Python binding initialises a static variable then, while it runs Python code; two threads that do so
    at the same time deadlock.
    """
    openvino.Tensor(np.zeros(1, np.float32))


def _import_openvino() -> ModuleType:
    if "openvino" in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # blocks the import
    blocked = sys.modules.setdefault(_CONVERTER, None) is None  # type: ignore[arg-type]
    try:
        openvino = importlib.import_module("openvino")
    finally:
        if blocked:
            del sys.modules[_CONVERTER]
    if not hasattr(openvino, "convert_model"):
        openvino.__getattr__ = _convert_model  # type: ignore[method-assign]
    return openvino


def _convert_model(name: str) -> Any:
    """The attribute ``convert_model`` of the module `openvino`; raises AttributeError for other names."""
    if name != "convert_model":
        raise AttributeError(f"module 'openvino' has no attribute '{name}'")
    return importlib.import_module(_CONVERTER).convert_model


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU."""
    return "BF16" in read_cpu(load_openvino())[1]


def choose_precision(precision: Precision | None) -> Precision:
    """The precision to compile for; None selects bf16 if the CPU supports it, else fp32.

    Raises UsageError for a precision that no CPU supports, EngineError for one that this CPU does not.
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
    cut: Callable[[Any, Any], Any] | None = None,
    digest: str | None = None,
) -> Any:
    """Compile a network for the CPU; returns the openvino.CompiledModel.

    ``network`` is a file (ONNX, TFLite), the content of an ONNX file, or an openvino.Model; it must have
    exactly the ``inputs`` if they are given. ``least`` is the smallest shape of each input, ``side_px``
    another input size for a fully convolutional network (see `other_size.py`). ``streams`` is the number of
    inputs that are computed concurrently, ``threads`` the number of cores they share; None leaves them to
    OpenVINO. ``cut`` is a function of a module that turns (openvino, model) into the model to compile; the
    cache knows it by its name. With bf16, pixel positions are still computed in fp32. Compiled files are
    cached (`compiled_cache.py`); ``digest`` is the SHA-256 of the file in hex if it is known.

    Raises BundleError for other inputs, UsageError and EngineError for an unsupported precision, and
    EngineError if OpenVINO cannot compile the file.
    """
    openvino = load_openvino()
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _HINTS[choose_precision(precision)],
        # A thread that is pinned to one core waits for other work on that core, such as JPEG decoding.
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
            if cut is not None:
                model = cut(openvino, model)
            if precision is Precision.BF16:
                _keep_positions_exact(model)
                _modulate_in_one_pass(model)
            return core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {name}: {last_line(error)}") from error

    if not isinstance(network, Path) or not network.is_file():
        return compile()
    made_with: dict[str, Any] = {"options": options, "least": least, "inputs": inputs, "side_px": side_px}
    if cut is not None:
        made_with["cut"] = f"{cut.__module__}.{cut.__qualname__}"
    return compiled(openvino, digest or file_sha256(network), made_with, compile)


def last_line(error: Exception) -> str:
    """The last line of an OpenVINO error; the lines before are locations in its source code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _require_inputs(model: Any, inputs: tuple[str, ...] | None, name: str) -> None:
    names = {name for port in model.inputs for name in port.get_names()}
    if inputs is not None and (len(model.inputs) != len(inputs) or not names >= set(inputs)):
        there, wanted = ", ".join(sorted(names)), ", ".join(inputs)
        raise BundleError(f"{name} has the inputs {there} instead of {wanted}: export the bundle again")


def _keep_positions_exact(model: Any) -> None:
    """Keep the face coordinates of pixels in fp32 in a model that is compiled for bf16.

    In bf16, positions on the atlas have errors of up to a texel, and pixels of strong lines of up to 180 code
    values. OpenVINO keeps fp32 for operators that lead to an output without a convolution in between, so one
    value of each position plane becomes an additional, unused output.
    """
    opset = load_openvino().opset13
    nodes = model.get_ordered_ops()
    positions = [node.output(0) for node in nodes if node.get_type_name() in POSITION_WAVES]
    positions += [node.input_value(1) for node in nodes if node.get_type_name() == "GridSample"][:1]
    if positions:
        model.add_outputs([opset.slice(one, [0] * 4, [1] * 4, [1] * 4).output(0) for one in positions])


def _modulate_in_one_pass(model: Any) -> None:
    """Make OpenVINO compute SPADE's product and sum, x * scale + shift, in one pass in bf16.

    OpenVINO would add the product inside the convolution that computes the shift, in place, and copy both the
    addend and the sum; with AMX that takes longer than the sum itself. It does not do so if another operator
    reads the shift, so the shape of each shift becomes an additional, unused output. A value is rounded once
    less.
    """
    opset = load_openvino().opset13
    shapes = []
    for node in model.get_ordered_ops():
        inputs = {one.get_node().get_type_name(): one for one in node.input_values()}
        if node.get_type_name() == "Add" and inputs.keys() == {"Multiply", "Add"}:
            shift = inputs["Add"]
            if any(
                one.get_node().get_type_name() == "Convolution" for one in shift.get_node().input_values()
            ):
                shapes.append(opset.shape_of(shift).output(0))
    if shapes:
        model.add_outputs(shapes)


def _from(port: Any, least: tuple[int, ...]) -> Any:
    """The shape of an input with a lower bound for each dynamic dimension."""
    openvino = load_openvino()
    sizes = zip(port.get_partial_shape(), least, strict=True)
    return openvino.PartialShape([openvino.Dimension(n, -1) if d.is_dynamic else d for d, n in sizes])
