"""A synthetic prepared training set of 8 faces, made of arrays alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from amgan.data.dataset import SCHEMA
from amgan.runtime.face.zones import PART_NAMES

SIDE = 64
AGES = (22.0, 31.0, 35.0, 48.0, 61.0, 66.0, 29.0, 55.0)
HELD_OUT = (6, 7)
PATTERNS = 4


def write_set(folder: Path, **arrays: Any) -> Path:
    """Write a prepared set of 8 synthetic faces, 2 of them held out; ``arrays`` replace what it holds.

    Every frame has one colour that tells its number (80 + 10 * number); an older and a younger change adds or
    takes 40 of red on a disc, the face. Every change shows one of PATTERNS patterns alone.
    """
    n, cells = len(AGES), SIDE // 4
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - 0.5
    disc = np.clip((0.35 - np.hypot(x, y)) * 20, 0, 1)
    small = disc.reshape(cells, 4, cells, 4).mean(axis=(1, 3))
    masks = np.zeros((n, 1 + len(PART_NAMES), cells, cells), np.uint8)
    masks[:, 0] = np.rint(255 * small)
    masks[:, 1, : cells // 2] = masks[:, 2, cells // 2 :] = 200
    across, down = np.meshgrid(np.linspace(-1.2, 1.2, cells), np.linspace(-1.1, 1.1, cells))
    places = np.tile(np.stack([across, down, small]).astype(np.float16), (n, 1, 1, 1))
    red = np.rint(40 * disc[..., None] * np.array([1, 0, 0])).astype(np.int8)
    handles = [i for i in range(n) if i not in HELD_OUT] * 2
    older = len(handles) // 2
    greys = (80 + 10 * np.arange(n)).astype(np.uint8)
    content = {
        "frames": np.tile(greys[:, None, None, None], (1, SIDE, SIDE, 3)),
        "landmarks": np.random.default_rng(0).random((n, 468, 2), np.float32),
        "ages": np.array(AGES, np.float32),
        "part_ages": np.repeat(np.array(AGES, np.float32)[:, None], len(PART_NAMES), axis=1),
        "sides": np.full(n, 400.0, np.float32),
        "line_strengths": np.linspace(0.5, 1.4, n, dtype=np.float32),
        "region_masks": masks,
        "coordinates": places,
        "changes": np.stack([red] * older + [-red] * older),
        "change_faces": np.array(handles, np.int32),
        "change_ages": np.array([75.0] * older + [20.0] * older, np.float32),
        "change_patterns": np.eye(PATTERNS, dtype=np.float32)[np.arange(2 * older) % PATTERNS],
        **arrays,
    }
    folder.mkdir(parents=True)
    for name, array in content.items():
        np.save(folder / f"{name}.npy", array)
    faces = [{"name": f"{i}.jpg", "split": "held-out" if i in HELD_OUT else "train"} for i in range(n)]
    (folder / "index.json").write_text(json.dumps({"schema": SCHEMA, "faces": faces}))
    return folder
