"""Runs onnxsim after the passes; its result is kept only if it is smaller and gives the same output."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from amgan.runtime.engines.openvino_network import compile_network
from amgan.runtime.errors import AmganError


def shorten(model: onnx.ModelProto, inputs: tuple[NDArray[Any], ...]) -> tuple[onnx.ModelProto, str]:
    """Run onnxsim on a model; returns the smaller model, or the same one, and a sentence for the log.

    The result is kept when it has fewer nodes and gives the same output for ``inputs`` (arrays in the order
    of the model's inputs): integers exactly, floats within rounding. Raises AmganError when the model itself
    does not run.
    """
    import onnxsim

    before = len(model.graph.node)
    try:
        made, sound = onnxsim.simplify(model)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return model, f"onnxsim failed and was left out ({reason})"
    after = len(made.graph.node)
    if not sound:
        return model, "onnxsim's own check failed, so its graph was dropped"
    if after >= before:
        return model, f"onnxsim found nothing to remove from {before} nodes"
    if not _same(_run(made, inputs), _run(model, inputs)):
        return model, f"onnxsim changed the output, so its graph of {after} nodes was dropped"
    del made.graph.value_info[:]
    return made, f"onnxsim: {before} -> {after} nodes"


def _same(found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    if found.dtype.kind != "f" or found.shape != wanted.shape:
        return np.array_equal(found, wanted)
    return np.allclose(found, wanted, rtol=1e-6, atol=1e-5)


def _run(model: onnx.ModelProto, inputs: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    compiled = compile_network(model.SerializeToString())
    try:
        return np.array(compiled(inputs)[0])
    except RuntimeError as error:
        raise AmganError(f"OpenVINO cannot run the exported network: {str(error).strip()}") from error
