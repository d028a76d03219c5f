"""PyTorch to ONNX by tracing: the plain graphs of generator and estimator, for comparison in benchmarks.

The graphs in bundles are written by emit.py.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
import torch
from torch import nn

from amgan.networks import Discriminator, Generator
from amgan.runtime.engines.contract import GENERATOR_INPUTS
from amgan.runtime.errors import AmganError
from amgan.runtime.files import whole_file

from .deploy import DeployEstimator, DeployGenerator

OPSET = 18


def generator_to_onnx(generator: Generator, path: Path, *, optimize: bool = False) -> None:
    """Write a generator (DeployGenerator) as one ONNX file, dynamic in batch and size.

    ``optimize`` runs the exporter's own graph optimisation. Raises AmganError when the export fails.
    """
    side = 4 * ((2 * generator.config.halo_px + 67) // 4)
    example = (
        torch.randint(0, 256, (2, side, side + 8, 3), dtype=torch.uint8),
        torch.full((2, 1, side // 4, side // 4 + 2), 50.0),
        torch.rand(2, 4, side // 4, side // 4 + 2),
        torch.full((2, generator.config.patterns), 1.0 / generator.config.patterns),
    )
    batch, rows, columns = torch.export.Dim("N"), torch.export.Dim("h", min=8), torch.export.Dim("w", min=8)
    shapes = {
        "image": {0: batch, 1: 4 * rows, 2: 4 * columns},
        "aging_map": {0: batch, 2: rows, 3: columns},
        "coordinates": {0: batch, 2: rows, 3: columns},
        "pattern": {0: batch},
    }
    names = (list(GENERATOR_INPUTS), ["aged"])
    _export(DeployGenerator(generator), example, shapes, names, path, optimize)


def estimator_to_onnx(
    discriminator: Discriminator, frame_px: int, path: Path, *, optimize: bool = False
) -> None:
    """Write an estimator (DeployEstimator) for frames of ``frame_px`` as one ONNX file, dynamic in the batch.

    See generator_to_onnx.
    """
    example = (torch.randint(0, 256, (2, frame_px, frame_px, 3), dtype=torch.uint8),)
    shapes = {"image": {0: torch.export.Dim("N")}}
    _export(DeployEstimator(discriminator), example, shapes, (["image"], ["ages"]), path, optimize)


def _export(
    network: nn.Module,
    example: tuple[torch.Tensor, ...],
    shapes: Mapping[str, Mapping[int, object]],
    names: tuple[list[str], list[str]],
    path: Path,
    optimize: bool,
) -> None:
    try:
        with _quiet():
            program = torch.onnx.export(
                network.eval(),
                example,
                dynamo=True,
                dynamic_shapes=dict(shapes),
                input_names=names[0],
                output_names=names[1],
                opset_version=OPSET,
                optimize=optimize,
                verbose=False,
            )
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise AmganError(f"PyTorch could not export {path.stem} to ONNX: {reason}") from error
    assert program is not None
    model = program.model_proto
    _name_open_sizes(model)
    onnx.checker.check_model(model)
    with whole_file(path) as part:
        onnx.save(model, part)


def _name_open_sizes(model: onnx.ModelProto) -> None:
    """Give the outputs' dynamic axes short names instead of the exporter's formulas."""
    for output in model.graph.output:
        for number, size in enumerate(output.type.tensor_type.shape.dim):
            if size.dim_param and number:
                size.dim_param = f"{output.name}_{number}"
    del model.graph.value_info[:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's output and warnings."""
    level = logging.getLogger("torch").level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("torch").setLevel(level)
