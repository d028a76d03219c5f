"""Writes a checkpoint's networks as simplified ONNX files, in every requested precision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import torch

from amgan.networks import Discriminator, Generator
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.files import file_sha256

from ..cases import Case, estimator_cases, generator_cases
from ..simplify import PassReport, report_passes, simplify
from ..simplify.network import ExportGenerator
from ..simplify.passes import measure
from .emit import emit_estimator, emit_generator
from .onnxsim_pass import shorten
from .precision import dtype_of, generator_in
from .trace import estimator_to_onnx, generator_to_onnx

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """Manifest entries by file, the generator's size after each pass, and the number of nodes by file."""

    files: Mapping[str, FileEntry]
    passes: tuple[PassReport, ...]
    nodes: Mapping[str, int]


def file_name(role: str, precision: str) -> str:
    """Name of an ONNX file in a bundle: generator.onnx, generator.fp16.onnx, ..."""
    return f"{role}.onnx" if precision == "fp32" else f"{role}.{precision}.onnx"


def write_simplified(
    folder: Path,
    generator: Generator,
    discriminator: Discriminator,
    frame_px: int,
    precisions: tuple[str, ...],
    progress: Progress,
) -> Written:
    """Run all passes, report each, and write generator and estimator in every precision.

    ``frame_px`` is the estimator's. Raises AmganError when a graph does not run.
    """
    network, passes = simplify(generator), report_passes(generator)
    for before, after in itertools.pairwise(passes):
        progress(pass_line(before, after))
    tile = _smallest(generator_cases(0, network.halo_px, patterns=network.patterns))
    frame = _smallest(estimator_cases(0, frame_px))
    written = Written({}, passes, {})
    for precision in precisions:
        for role, model, case in (
            ("generator", emit_generator(generator_in(network, precision)), tile),
            ("estimator", emit_estimator(discriminator, frame_px, dtype_of(precision)), frame),
        ):
            if (role, precision) == ("estimator", "fp8"):
                continue  # it has no trunk
            name = file_name(role, precision)
            # onnxsim would make numbers in half precision of the codes of weights.
            shorter, said = (model, "kept as it is") if precision == "fp8" else shorten(model, case.arrays)
            progress(f"{name}: {said}")
            _save(shorter, folder / name)
            written = _added(written, folder / name, role, precision)
    return written


def write_plain(
    folder: Path, generator: Generator, discriminator: Discriminator, frame_px: int, progress: Progress
) -> Written:
    """Write both networks as torch.onnx.export traces them, in fp32 and not simplified. Takes a minute.

    Raises AmganError when PyTorch cannot export one.
    """
    written = Written({}, (measure("plain", ExportGenerator(generator)),), {})
    with torch.no_grad():
        progress("tracing the generator as it is")
        generator_to_onnx(generator, folder / file_name("generator", "fp32"))
        progress("tracing the estimator as it is")
        estimator_to_onnx(discriminator, frame_px, folder / file_name("estimator", "fp32"))
    for role in ("generator", "estimator"):
        written = _added(written, folder / file_name(role, "fp32"), role, "fp32")
    return written


def pass_line(before: PassReport, after: PassReport) -> str:
    """One line for the log: the pass, with operations and GFLOP before and after."""
    return (
        f"{after.name}: {before.operations} -> {after.operations} operations, "
        f"{before.gflop:.1f} -> {after.gflop:.1f} GFLOP"
    )


def _added(written: Written, path: Path, role: str, precision: str) -> Written:
    entry = FileEntry(role, "onnx", precision, file_sha256(path))
    nodes = len(onnx.load(path, load_external_data=False).graph.node)
    return replace(
        written, files={**written.files, path.name: entry}, nodes={**written.nodes, path.name: nodes}
    )


def _save(model: onnx.ModelProto, path: Path) -> None:
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _smallest(cases: tuple[Case, ...]) -> Case:
    return min(cases, key=lambda case: case.arrays[0].size)
