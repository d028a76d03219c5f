"""Inputs of the parity check: noise, extreme pictures and aging maps, and a real face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import MAX_AGE, MIN_AGE
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.coordinates import face_coordinates, scale_of
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS

REAL_TILE = Path(__file__).parent / "data" / "collins_tile.png"
"""A photographed face: a frame of REAL_FRAME_PX with REAL_MARGIN_PX of the photo around it."""
REAL_FRAME_PX = 256
REAL_MARGIN_PX = 56
PATTERNS = 4

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """One input of a network, its arrays in the order of the network's inputs."""

    name: str
    arrays: tuple[Array, ...]


def generator_cases(
    seed: int, halo_px: int, oldest: float = MAX_AGE, patterns: int = PATTERNS
) -> tuple[Case, ...]:
    """Inputs of the generator: random, extreme and real tiles of several sizes and batch sizes.

    ``oldest`` is the oldest age in years that the generator is asked for, the manifest's
    ``oldest_trained_age``: no aging map exceeds ``oldest`` - MIN_AGE. ``patterns`` is the generator's number
    of patterns. Coordinates are those of the mean face.
    """
    rng = np.random.default_rng(seed)
    made = [
        _random_tiles(rng, n, (height, width), halo_px, oldest, patterns)
        for n, height, width in ((2, 64, 96), (3, 40, 72))
    ]
    side = 64 + 2 * halo_px
    black, white, stripes, checks, noise = _stress_pictures(rng, side)
    cells = side // CELL_PX
    most = oldest - MIN_AGE
    low, high, extreme = _even(cells, -most), _even(cells, most), _checks(cells, 1, most)
    for name, picture, ages, frame_px in (
        (f"black, {most:g} years younger", black, low, 512),
        (f"white, {most:g} years older", white, high, 512),
        (f"hard stripes, {most:g} years younger and older in turn", stripes, extreme, 512),
        (f"black and white pixels in turn, {most:g} years older", checks, high, 256),
        (f"noise, {most:g} years younger and older in turn", noise, extreme, 512),
        (f"noise, {most:g} years older, far corner of a large frame", noise, high, 1024),
    ):
        corner = (frame_px - 64 - halo_px,) * 2
        made.append(_case(name, picture, ages, corner, frame_px, _pattern(rng, patterns)))
    face = real_tile()
    cells = face.shape[0] // CELL_PX
    slope = np.tile(np.linspace(-most, most, cells, dtype=np.float32), (cells, 1))
    for name, ages in (
        ("face, 20 years younger", _even(cells, -20.0)),
        (f"face, {min(40.0, most):g} years older", _even(cells, min(40.0, most))),
        (f"face, {most:g} years younger to older from left to right", slope),
        (f"face, {most:g} years younger and older in patches", _checks(cells, 8, most)),
    ):
        corner = (-REAL_MARGIN_PX,) * 2
        made.append(_case(name, face, ages, corner, REAL_FRAME_PX, _pattern(rng, patterns)))
    return tuple(made)


def estimator_cases(seed: int, frame_px: int) -> tuple[Case, ...]:
    """Inputs of the estimator: random, extreme and real frames of ``frame_px``."""
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
    """The bundled photo for comparisons, uint8 [368, 368, 3] RGB (see docs/samples.md)."""
    from PIL import Image

    with Image.open(REAL_TILE) as picture:
        return np.array(picture.convert("RGB"))


def _random_tiles(
    rng: np.random.Generator, n: int, core: tuple[int, int], halo_px: int, oldest: float, patterns: int
) -> Case:
    height, width = (size + 2 * halo_px for size in core)
    picture = rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    ages = rng.uniform(
        MIN_AGE - oldest, oldest - MIN_AGE, (n, 1, height // CELL_PX, width // CELL_PX)
    ).astype(np.float32)
    sides = rng.choice([256, 320, 512], n)
    corners = [CELL_PX * rng.integers(0, (side - np.array(core[::-1])) // CELL_PX + 1) for side in sides]
    coordinates = [
        mean_face_coordinates((int(x) - halo_px, int(y) - halo_px), (width, height), int(side))
        for (x, y), side in zip(corners, sides, strict=True)
    ]
    pattern = np.concatenate([_pattern(rng, patterns) for _ in range(n)])
    name = f"noise, {n} tiles of {core[1]} x {core[0]} px"
    return Case(name, (picture, ages, np.stack(coordinates), pattern))


def _case(
    name: str, picture: Array, ages: Array, corner: tuple[int, int], frame_px: int, pattern: Array
) -> Case:
    """One tile with its first pixel, halo included, at ``corner`` of a frame of ``frame_px``."""
    height, width = picture.shape[:2]
    coordinates = mean_face_coordinates(corner, (width, height), frame_px)[None]
    ages = ages[None, None].astype(np.float32)
    return Case(name, (np.ascontiguousarray(picture[None]), ages, coordinates, pattern))


def mean_face_coordinates(
    corner: tuple[int, int], size: tuple[int, int], frame_px: int
) -> NDArray[np.float32]:
    """Coordinates of a tile of the mean face's frame, float32 [4, h, w]: u, v, inside and scale.

    ``corner`` (x, y) is the tile's first pixel, ``size`` its width and height; all multiples of 4 px.
    """
    (x, y), (width, height) = (tuple(length // CELL_PX for length in pair) for pair in (corner, size))
    cells = frame_px // CELL_PX
    margin = max(0, -x, -y, x + width - cells, y + height - cells)
    mean = mean_face()
    planes = face_coordinates(mean.points[:N_POINTS], cells, margin)
    part = planes[:, y + margin : y + margin + height, x + margin : x + margin + width]
    return np.concatenate([part, np.full_like(part[:1], scale_of(frame_px))])


def _pattern(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Mixing weights of one tile, [1, count]."""
    return (rng.dirichlet(np.full(count, 0.5), 1) * rng.uniform(0.5, 2.0)).astype(np.float32)


def _stress_pictures(rng: np.random.Generator, side: int) -> tuple[Array, ...]:
    """Black, white, stripes 7 px wide, a checkerboard of pixels, and noise: uint8 [side, side, 3]."""
    black = np.zeros((side, side, 3), np.uint8)
    stripes, checks = black.copy(), black.copy()
    stripes[(np.arange(side) // 7) % 2 == 0] = 255
    checks[np.add.outer(np.arange(side), np.arange(side)) % 2 == 0] = 255
    return black, np.full_like(black, 255), stripes, checks, rng.integers(0, 256, black.shape, dtype=np.uint8)


def _even(cells: int, years: float) -> Array:
    return np.full((cells, cells), years, np.float32)


def _checks(cells: int, size: int, years: float) -> Array:
    """A checkerboard of squares of ``size`` cells, alternately -``years`` and +``years``."""
    row = np.arange(cells) // size
    return np.where(np.add.outer(row, row) % 2 == 0, np.float32(-years), np.float32(years))


def _resized(picture: Array, side: int) -> Array:
    from PIL import Image

    if picture.shape[0] == side:
        return picture
    return np.array(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
