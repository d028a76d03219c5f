"""Checkpoint to bundle: ONNX files, parity check, manifest, in a folder that appears whole or not at all."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import amgan
from amgan.checkpoint import SHIPPED, load_model
from amgan.networks import ModelConfig
from amgan.networks.discriminator import DOWNSAMPLING
from amgan.runtime.bundle import MANIFEST, Bundle, file_sha256, write_manifest
from amgan.runtime.errors import UsageError
from amgan.runtime.manifest import EstimatorSpec, FileEntry, GeneratorSpec, Manifest, TensorSpec
from amgan.runtime.maps import MAX_AGE, MIN_AGE, NEUTRAL_AGE

from .parity import check_parity
from .to_onnx import estimator_to_onnx, generator_to_onnx

Progress = Callable[[str], None]


def export_bundle(checkpoint: Path | None, output: Path, progress: Progress = lambda message: None) -> Path:
    """Export a checkpoint (None: the shipped one) to a bundle folder and return the folder.

    An existing bundle is replaced once the new one is complete and agrees with PyTorch; any other
    non-empty folder is refused. Raises UsageError, or AmganError when export or parity fails.
    """
    source = SHIPPED if checkpoint is None else checkpoint
    generator, discriminator, config = load_model(source)
    _check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    work = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    work.mkdir()
    try:
        progress("exporting the generator to ONNX")
        generator_to_onnx(generator, work / "generator.onnx")
        progress("exporting the estimator to ONNX")
        estimator_to_onnx(discriminator, config.estimator_frame_px, work / "estimator.onnx")
        progress("comparing ONNX with PyTorch")
        check_parity(work, generator, discriminator, config.estimator_frame_px)
        write_manifest(work, _manifest(work, source, config))
        Bundle.open(work)
        progress(f"writing {output}")
        _swap(work, output)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return output


def _check_output(output: Path) -> None:
    """Refuse to replace anything but a bundle."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; name a folder for the bundle")
    if output.is_dir() and any(output.iterdir()) and not (output / MANIFEST).is_file():
        raise UsageError(f"{output} holds something that is no bundle; name a new or empty folder")


def _swap(work: Path, output: Path) -> None:
    """Put the finished folder in place of the old one; the old one is gone only when the new one is there."""
    old = output.with_name(f".{output.name}.old.{secrets.token_hex(4)}")
    if output.exists():
        os.replace(output, old)
    try:
        os.replace(work, output)
    except OSError:
        if old.exists():
            os.replace(old, output)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _manifest(folder: Path, checkpoint: Path, config: ModelConfig) -> Manifest:
    grid = config.estimator_frame_px // DOWNSAMPLING
    halo = config.generator.halo_px
    frame = config.estimator_frame_px
    files = {
        f"{role}.onnx": FileEntry(role, "onnx", "fp32", file_sha256(folder / f"{role}.onnx"))
        for role in ("generator", "estimator")
    }
    return Manifest(
        model=checkpoint.stem,
        version=amgan.__version__,
        canonical_px=config.max_frame_px,
        min_frame_px=config.min_frame_px,
        max_frame_px=config.max_frame_px,
        halo_px=halo,
        tile_multiple=4,
        age_range=(MIN_AGE, MAX_AGE),
        neutral_age=NEUTRAL_AGE,
        generator=GeneratorSpec(
            inputs=(
                TensorSpec("image", "uint8", ("N", "H", "W", 3), (0, 255), "RGB tile with its halo"),
                TensorSpec("aging_map", "float32", ("N", 1, "H/4", "W/4"), (MIN_AGE, MAX_AGE), "years"),
                TensorSpec("origin", "float32", ("N", 3), None, "x0, y0 of the tile, side of the frame; px"),
            ),
            outputs=(
                TensorSpec(
                    "aged", "uint8", ("N", f"H-{2 * halo}", f"W-{2 * halo}", 3), (0, 255), "RGB without halo"
                ),
            ),
        ),
        estimator=EstimatorSpec(
            frame_px=frame,
            grid=grid,
            inputs=(TensorSpec("image", "uint8", ("N", frame, frame, 3), (0, 255), "RGB canonical frame"),),
            outputs=(TensorSpec("ages", "float32", ("N", 1, grid, grid), None, "apparent ages, years"),),
        ),
        files=files,
        checkpoint_sha256=file_sha256(checkpoint),
        created_with={"amgan": amgan.__version__}
        | {name: importlib.metadata.version(name) for name in ("torch", "onnx", "onnxscript")},
    )
