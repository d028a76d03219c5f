"""Picture grids: fixed faces at fixed ages, so that training can be watched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from amgan.data.dataset import Dataset
from amgan.networks import Generator
from amgan.runtime.ages.maps import NEUTRAL_AGE

from .precision import computes_bf16

GRID_AGES = (25.0, 40.0, 50.0, 60.0, 75.0)


def age_frames(
    generator: Generator, frames: NDArray[np.uint8], footprints: NDArray[np.uint8], years: float
) -> NDArray[np.uint8]:
    """Age whole frames [N, S, S, 3] uint8 to one age everywhere; footprints as in the data set."""
    device = next(generator.parameters()).device
    image = torch.from_numpy(np.array(frames)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    face = torch.from_numpy(np.array(footprints[:, :1])).to(device).float() / 255.0
    aging_map = NEUTRAL_AGE + face * (years - NEUTRAL_AGE)
    origin = torch.tensor([[0.0, 0.0, frames.shape[1]]], device=device).expand(len(frames), 3)
    half = torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bf16(device))
    with torch.no_grad(), half:
        aged = generator(image, aging_map, origin)
    codes = ((aged.float() + 1.0) * 127.5).round().clamp(0, 255).byte()
    return codes.permute(0, 2, 3, 1).cpu().numpy()


def write_grid(path: Path, generator: Generator, dataset: Dataset, faces: NDArray[np.int64]) -> None:
    """Write a picture: one row a face, the original first, then GRID_AGES."""
    frames, prints = dataset.frames[faces], dataset.footprints[faces]
    columns = [np.array(frames)] + [age_frames(generator, frames, prints, age) for age in GRID_AGES]
    rows = np.concatenate([np.concatenate(list(c), axis=0) for c in columns], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rows).save(path, quality=88)


def grid_faces(dataset: Dataset, count: int = 6) -> NDArray[np.int64]:
    """Held-out faces evenly spread over ages (training faces when none is held out)."""
    faces = dataset.faces("held-out")
    faces = faces if len(faces) else dataset.faces("train")
    by_age = faces[np.argsort(dataset.ages[faces], kind="stable")]
    picks = np.linspace(0, len(by_age) - 1, num=min(count, len(by_age))).astype(int)
    return by_age[picks]
