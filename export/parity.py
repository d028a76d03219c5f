"""Proof that exported networks compute what PyTorch computes: differences in code values and years."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from amgan.networks import Discriminator, Generator
from amgan.runtime.errors import AmganError

from .deploy import DeployEstimator, DeployGenerator

MAX_CODE_VALUES = 1
MAX_YEARS = 0.01


@dataclass(frozen=True)
class Parity:
    """How far an engine is from PyTorch fp32: code values for the generator, years for the estimator."""

    generator_max_codes: int
    generator_mean_codes: float
    estimator_max_years: float


def check_parity(
    folder: Path, generator: Generator, discriminator: Discriminator, estimator_frame_px: int, seed: int = 0
) -> Parity:
    """Run a bundle's fp32 ONNX files with OpenVINO beside PyTorch, on noise, flat and extreme inputs.

    Raises AmganError when the generator differs by more than MAX_CODE_VALUES anywhere, or the estimator by
    more than MAX_YEARS.
    """
    parity = measure_parity(folder, generator, discriminator, estimator_frame_px, seed)
    if parity.generator_max_codes > MAX_CODE_VALUES or not parity.estimator_max_years <= MAX_YEARS:
        raise AmganError(
            f"the exported networks differ from PyTorch by {parity.generator_max_codes} code values "
            f"(at most {MAX_CODE_VALUES} allowed) and {parity.estimator_max_years:.4f} years "
            f"(at most {MAX_YEARS}); nothing was written"
        )
    return parity


def measure_parity(
    folder: Path, generator: Generator, discriminator: Discriminator, estimator_frame_px: int, seed: int = 0
) -> Parity:
    """Measure without judging; see check_parity."""
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    run_generator = core.compile_model(folder / "generator.onnx", "CPU", options)
    run_estimator = core.compile_model(folder / "estimator.onnx", "CPU", options)
    rng = np.random.default_rng(seed)
    differences = []
    for batch in generator_inputs(rng, generator.config.halo_px):
        with torch.no_grad():
            wanted = DeployGenerator(generator)(*map(torch.from_numpy, batch)).numpy()
        found = run_generator(batch)[0]
        if found.shape != wanted.shape:
            raise AmganError(f"the exported generator gives {found.shape}, PyTorch {wanted.shape}")
        differences.append(np.abs(found.astype(np.int16) - wanted))
    years = []
    for frame in _pictures(rng, 2, estimator_frame_px, estimator_frame_px):
        with torch.no_grad():
            ages = DeployEstimator(discriminator)(torch.from_numpy(frame)).numpy()
        years.append(float(np.abs(run_estimator((frame,))[0] - ages).max()))
    worst = max(int(d.max()) for d in differences)
    mean = float(np.mean([d.mean() for d in differences]))
    return Parity(worst, mean, float(np.max(years)))


def generator_inputs(
    rng: np.random.Generator, halo_px: int
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]:
    """Random and stressful inputs of the generator, of several sizes and batches."""
    inputs = []
    for number, (n, height, width) in enumerate(((1, 64, 64), (2, 96, 72), (3, 40, 128))):
        height, width = height + 2 * halo_px, width + 2 * halo_px  # noqa: PLW2901
        for picture in _pictures(rng, n, height, width):
            ages = rng.uniform(15, 90, (n, 1, height // 4, width // 4)).astype(np.float32)
            if number == 1:
                ages = np.where(ages > 50, np.float32(90), np.float32(15))
            corner = 4 * rng.integers(-20, 100, (n, 2))
            side = rng.choice([256, 512, 1024], (n, 1))
            inputs.append((picture, ages, np.concatenate([corner, side], axis=1).astype(np.float32)))
    return inputs


def _pictures(rng: np.random.Generator, n: int, height: int, width: int) -> list[NDArray[np.uint8]]:
    """Noise, black, white and hard edges, [n, height, width, 3] uint8 each."""
    noise = rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    edges = np.zeros_like(noise)
    edges[:, (np.arange(height) // 7) % 2 == 0] = 255
    return [noise, np.zeros_like(noise), np.full_like(noise, 255), edges]
