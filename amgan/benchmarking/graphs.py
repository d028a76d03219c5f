"""The generator after some of the simplification passes, in OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from amgan.export.simplify import ExportGenerator
from amgan.export.simplify.passes import Pass
from amgan.networks import Generator
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.openvino_network import compile_network, load_openvino

from .engines import Age, Arrays


def after_passes(generator: Generator, passes: Sequence[Pass]) -> ExportGenerator:
    """The generator after these passes in order; raises ValueError if one requires another before it."""
    network = ExportGenerator(generator)
    for step in passes:
        network = step(network)
    return network.eval()


def convert(network: ExportGenerator, arrays: Arrays) -> Any:
    """The network as an OpenVINO model, only for tiles of the size of ``arrays``."""
    openvino = load_openvino()

    example = tuple(torch.from_numpy(a) for a in arrays)
    with torch.no_grad():
        model = openvino.convert_model(network, example_input=example)
    shapes = [list(array.shape) for array in arrays]
    for port, shape in zip(model.inputs, shapes, strict=True):
        port.get_node().set_partial_shape(openvino.PartialShape(shape))
    model.validate_nodes_and_infer_types()
    return model


def open_graph(network: ExportGenerator, arrays: Arrays, precision: str) -> Age:
    """A function that ages the tile ``arrays`` with this graph, on all cores, in fp32 or bf16."""
    compiled = compile_network(convert(network, arrays), Precision.parse(precision))
    request = compiled.create_infer_request()

    def age() -> np.ndarray[Any, np.dtype[np.uint8]]:
        return np.array(request.infer(list(arrays), share_inputs=True)[0])

    return age
