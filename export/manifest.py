"""Makes the manifest of an exported bundle: its files, their origin and the export's options."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from pathlib import Path
from typing import Any

import amgan
from amgan.networks import ModelConfig
from amgan.networks.discriminator import DOWNSAMPLING
from amgan.runtime.ages.maps import MAX_AGE, MIN_AGE, NEUTRAL_AGE
from amgan.runtime.ages.request import MAX_LINES
from amgan.runtime.bundle.manifest import EstimatorSpec, GeneratorSpec, Manifest, TensorSpec
from amgan.runtime.engines.contract import COORDINATE_PLANES
from amgan.runtime.face.line_strength import FITTING
from amgan.runtime.files import file_sha256

from .graphs.files import Written
from .graphs.precision import KEPT_FP32
from .options import ExportOptions
from .simplify.passes import COUNT_CORE_PX

PACKAGES = ("torch", "onnx", "onnxsim", "openvino")


def make_manifest(
    checkpoint: Path, config: ModelConfig, options: ExportOptions, written: Written
) -> Manifest:
    """The manifest of the ONNX files; the caller adds engines and the parity report."""
    return Manifest(
        model=checkpoint.stem,
        version=amgan.__version__,
        canonical_px=config.max_frame_px,
        min_frame_px=config.min_frame_px,
        max_frame_px=config.max_frame_px,
        halo_px=config.generator.halo_px,
        tile_multiple=4,
        age_range=(MIN_AGE, MAX_AGE),
        neutral_age=NEUTRAL_AGE,
        oldest_trained_age=min(config.oldest_trained_age, MAX_AGE),
        patterns=config.generator.patterns,
        coordinates=config.generator.coordinates,
        generator=_generator_spec(config.generator.halo_px, config.generator.patterns),
        estimator=_estimator_spec(config.estimator_frame_px),
        files=written.files,
        checkpoint_sha256=file_sha256(checkpoint),
        created_with={"amgan": amgan.__version__}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        export=_export_report(options, written),
    )


def _export_report(options: ExportOptions, written: Written) -> dict[str, Any]:
    report: dict[str, Any] = {
        "options": {
            "precisions": list(options.written),
            "targets": list(options.targets),
            "flavour": options.flavour,
            "plain": options.plain,
        },
        "counted_for_px": COUNT_CORE_PX,
        "passes": [{**asdict(line), "gflop": round(line.gflop, 3)} for line in written.passes],
        "graph_nodes": dict(written.nodes),
    }
    if options.written != ("fp32",):
        report["kept_fp32"] = dict(KEPT_FP32)
    return report


def _generator_spec(halo_px: int, patterns: int) -> GeneratorSpec:
    core = tuple(f"{side}-{2 * halo_px}" for side in ("H", "W"))
    return GeneratorSpec(
        inputs=(
            TensorSpec("image", "uint8", ("N", "H", "W", 3), (0, 255), "RGB tile with its halo"),
            TensorSpec(
                "aging_map",
                "float32",
                ("N", 1, "H/4", "W/4"),
                (MIN_AGE - MAX_AGE, MAX_AGE - MIN_AGE),
                "wanted less present age, years",
            ),
            TensorSpec(
                "coordinates",
                "float32",
                ("N", COORDINATE_PLANES, "H/4", "W/4"),
                None,
                "u, v of the cell's centre, -1..1 across the atlas; inside, 0..1; log2(frame side / 512 px)",
            ),
            TensorSpec(
                "pattern",
                "float32",
                ("N", patterns),
                (0, round(FITTING[1] * MAX_LINES, 3)),
                "mixing weights of the patterns; their sum is how strong lines are",
            ),
        ),
        outputs=(TensorSpec("aged", "uint8", ("N", *core, 3), (0, 255), "RGB without halo"),),
    )


def _estimator_spec(frame_px: int) -> EstimatorSpec:
    grid = frame_px // DOWNSAMPLING
    return EstimatorSpec(
        frame_px=frame_px,
        grid=grid,
        inputs=(TensorSpec("image", "uint8", ("N", frame_px, frame_px, 3), (0, 255), "RGB canonical frame"),),
        outputs=(TensorSpec("ages", "float32", ("N", 1, grid, grid), None, "apparent ages, years"),),
    )
