"""What engines are compared on: noise, pictures and maps made to hurt, and a real face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import MAX_AGE, MIN_AGE
from amgan.runtime.engines.contract import CELL_PX

REAL_TILE = Path(__file__).parent / "data" / "collins_tile.png"
"""A photographed face: a frame of REAL_FRAME_PX with REAL_MARGIN_PX of the photo around it."""
REAL_FRAME_PX = 256
REAL_MARGIN_PX = 56

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """One input of a network, its arrays in the order of the network's inputs."""

    name: str
    arrays: tuple[Array, ...]


def generator_cases(seed: int, halo_px: int, oldest: float = MAX_AGE) -> tuple[Case, ...]:
    """Tiles with aging map and origin: random, stressful and real, of several sizes and batches.

    ``oldest`` is the oldest age, in years, that the generator is ever given: the manifest's
    ``oldest_trained_age``, which stands for all that are older.
    """
    rng = np.random.default_rng(seed)
    made = [
        _random_tiles(rng, n, (height, width), halo_px, oldest)
        for n, height, width in ((2, 64, 96), (3, 40, 72))
    ]
    side = 64 + 2 * halo_px
    black, white, stripes, checks, noise = _stress_pictures(rng, side)
    cells = side // CELL_PX
    low, high, extreme = _even(cells, MIN_AGE), _even(cells, oldest), _checks(cells, 1, oldest)
    for name, picture, ages, frame_px in (
        ("black, 15 years", black, low, 512),
        (f"white, {oldest:g} years", white, high, 512),
        (f"hard stripes, 15 and {oldest:g} years in turn", stripes, extreme, 512),
        (f"black and white pixels in turn, {oldest:g} years", checks, high, 256),
        (f"noise, 15 and {oldest:g} years in turn", noise, extreme, 512),
        (f"noise, {oldest:g} years, far corner of a large frame", noise, high, 1024),
    ):
        made.append(_case(name, picture, ages, (frame_px - 64 - halo_px,) * 2, frame_px))
    face = real_tile()
    cells = face.shape[0] // CELL_PX
    slope = np.tile(np.linspace(MIN_AGE, oldest, cells, dtype=np.float32), (cells, 1))
    for name, ages in (
        ("face, 20 years", _even(cells, 20.0)),
        (f"face, {min(75.0, oldest):g} years", _even(cells, min(75.0, oldest))),
        (f"face, 15 to {oldest:g} years from left to right", slope),
        (f"face, 15 and {oldest:g} years in patches", _checks(cells, 8, oldest)),
    ):
        made.append(_case(name, face, ages, (-REAL_MARGIN_PX,) * 2, REAL_FRAME_PX))
    return tuple(made)


def estimator_cases(seed: int, frame_px: int) -> tuple[Case, ...]:
    """Frames of ``frame_px``: random, stressful and real."""
    rng = np.random.default_rng(seed)
    black, white, stripes, checks, noise = _stress_pictures(rng, frame_px)
    cut = slice(REAL_MARGIN_PX, REAL_MARGIN_PX + REAL_FRAME_PX)
    face = _resized(real_tile()[cut, cut], frame_px)
    batch = np.stack([noise, face, noise[::-1]])
    singles = {"black": black, "white": white, "hard stripes": stripes, "black and white pixels": checks}
    singles |= {"face": face, "face upside down": face[::-1]}
    made = [Case(name, (np.ascontiguousarray(picture[None]),)) for name, picture in singles.items()]
    return (Case("noise and face", (batch,)), *made)


def real_tile() -> NDArray[np.uint8]:
    """The face that ships for comparisons, uint8 [368, 368, 3] RGB (see docs/samples.md)."""
    from PIL import Image

    with Image.open(REAL_TILE) as picture:
        return np.array(picture.convert("RGB"))


def _random_tiles(
    rng: np.random.Generator, n: int, core: tuple[int, int], halo_px: int, oldest: float
) -> Case:
    height, width = (size + 2 * halo_px for size in core)
    picture = rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    ages = rng.uniform(MIN_AGE, oldest, (n, 1, height // CELL_PX, width // CELL_PX)).astype(np.float32)
    # Anywhere inside the frame: off it, X and Y leave what any network is made for.
    side = rng.choice([256, 320, 512], (n, 1))
    corner = CELL_PX * rng.integers(0, (side - np.array(core[::-1])) // CELL_PX + 1, (n, 2)) - halo_px
    origin = np.concatenate([corner, side], axis=1).astype(np.float32)
    return Case(f"noise, {n} tiles of {core[1]} x {core[0]} px", (picture, ages, origin))


def _case(name: str, picture: Array, ages: Array, corner: tuple[int, int], frame_px: int) -> Case:
    """One tile with its first pixel, halo included, at ``corner`` of a frame of ``frame_px``."""
    origin = np.array([[*corner, frame_px]], np.float32)
    return Case(name, (np.ascontiguousarray(picture[None]), ages[None, None].astype(np.float32), origin))


def _stress_pictures(rng: np.random.Generator, side: int) -> tuple[Array, ...]:
    """Black, white, stripes 7 px wide, black and white pixels in turn, and noise: uint8 [side, side, 3]."""
    black = np.zeros((side, side, 3), np.uint8)
    stripes, checks = black.copy(), black.copy()
    stripes[(np.arange(side) // 7) % 2 == 0] = 255
    checks[np.add.outer(np.arange(side), np.arange(side)) % 2 == 0] = 255
    return black, np.full_like(black, 255), stripes, checks, rng.integers(0, 256, black.shape, dtype=np.uint8)


def _even(cells: int, years: float) -> Array:
    return np.full((cells, cells), years, np.float32)


def _checks(cells: int, size: int, oldest: float) -> Array:
    """Squares of ``size`` cells, youngest and oldest in turn."""
    row = np.arange(cells) // size
    return np.where(np.add.outer(row, row) % 2 == 0, np.float32(MIN_AGE), np.float32(oldest))


def _resized(picture: Array, side: int) -> Array:
    from PIL import Image

    if picture.shape[0] == side:
        return picture
    return np.array(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
