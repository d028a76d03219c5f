"""Picture grids of fixed faces at fixed ages, for monitoring a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from amgan.data.dataset import Dataset
from amgan.networks import Generator
from amgan.runtime.face.coordinates import frame_coordinates, scale_of
from amgan.runtime.face.pattern import choose_pattern

from .precision import computes_bf16

GRID_AGES = (25.0, 40.0, 50.0, 60.0, 75.0)


def age_frames(
    generator: Generator, dataset: Dataset, faces: NDArray[np.int64], years: float
) -> NDArray[np.uint8]:
    """Frames of some faces of the dataset aged to one age, uint8 [N, S, S, 3].

    Each face gets the pattern for its proportions and its skin, and none if it gets younger.
    """
    device = next(generator.parameters()).device
    frames = np.array(dataset.frames[faces])
    image = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    face = torch.from_numpy(np.array(dataset.region_masks[faces, :1])).to(device).float() / 255.0
    now = torch.from_numpy(np.array(dataset.ages[faces])).to(device).reshape(-1, 1, 1, 1)
    aging_map = face * (years - now)
    positions = np.array(dataset.coordinates[faces], np.float32)
    if generator.config.coordinates == "frame":
        positions[:] = frame_coordinates(positions.shape[2])
    scale = np.full_like(positions[:, :1], scale_of(dataset.frame_px))
    coordinates = torch.from_numpy(np.concatenate([positions, scale], axis=1)).to(device)
    chosen = [choose_pattern(one, generator.config.patterns) for one in dataset.landmarks[faces]]
    strengths = (dataset.line_strengths * (years > dataset.ages))[faces, None]
    pattern = torch.from_numpy(np.stack(chosen) * strengths).to(device)
    half = torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bf16(device))
    with torch.no_grad(), half:
        aged = generator(image, aging_map, coordinates, pattern)
    codes = ((aged.float() + 1.0) * 127.5).round().clamp(0, 255).byte()
    return codes.permute(0, 2, 3, 1).cpu().numpy()


def write_grid(path: Path, generator: Generator, dataset: Dataset, faces: NDArray[np.int64]) -> None:
    """Write a picture with one row per face: the original, then GRID_AGES."""
    frames = np.array(dataset.frames[faces])
    columns = [frames] + [age_frames(generator, dataset, faces, age) for age in GRID_AGES]
    rows = np.concatenate([np.concatenate(list(c), axis=0) for c in columns], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rows).save(path, quality=88)


def grid_faces(dataset: Dataset, count: int = 6) -> NDArray[np.int64]:
    """Held-out faces evenly spread over ages (training faces if none is held out)."""
    faces = dataset.faces("held-out")
    faces = faces if len(faces) else dataset.faces("train")
    by_age = faces[np.argsort(dataset.ages[faces], kind="stable")]
    picks = np.linspace(0, len(by_age) - 1, num=min(count, len(by_age))).astype(int)
    return by_age[picks]
