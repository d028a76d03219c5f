"""Where hair is, by the head parser's shares and by the colours of hair and of other things of the photo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased
from .hair_grid import BROW, CHIN, MATTE_PX, Mask, Plane

SURE_HAIR = 0.85
"""The parser's share from which a cell is certainly hair."""
LEAST_CELLS = 200
"""Certain cells without which nothing is known of colours."""

_SURE_OTHER = 0.06
_LIGHTS, _BINS = 32, 16
_CHROMA = (40, 5)
_RARE, _SOME = 2e-4, 2e-3
_MOST_ODDS = 3.0
_COLOUR_SAYS, _FRINGE_SAYS = 0.9, 3.0
_LEAST_PIECE = 0.02
"""Pieces of hair smaller than this share of the largest one, apart from it, do not count."""


def colour_odds(
    picture: NDArray[np.uint8], coarse: Plane, skin: Plane, within: Plane
) -> tuple[Plane, Mask] | None:
    """The logarithm of how much likelier each cell's colour is in hair than elsewhere, limited.

    ``picture`` uint8 [rows, MATTE_PX, 3]; ``coarse`` and ``skin`` [rows, MATTE_PX] are the parser's shares,
    ``within`` is 0 in cells that tell nothing. Also returns whether certain hair has this colour. None where
    too few cells are certain.
    """
    near = cv2.dilate((coarse > 0.5).astype(np.uint8), np.ones((33, 33), np.uint8))
    hair = (coarse > SURE_HAIR) * within
    other = (coarse < _SURE_OTHER) * within * (0.15 + near)
    forehead = slice(round(0.3 * MATTE_PX), round(BROW * MATTE_PX))
    other[forehead] *= skin[forehead] < 0.5  # it may be a fringe that the parser takes for skin
    if hair.sum() < LEAST_CELLS or other.sum() < LEAST_CELLS:
        return None
    lab = np.asarray(cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.8), cv2.COLOR_RGB2LAB), np.uint8)
    (of_hair, of_other), place = _densities(lab, (hair, other))
    ratio = np.log((of_hair + _RARE) / (of_other + _RARE))
    odds = np.asarray(np.clip(ratio, -_MOST_ODDS, _MOST_ODDS).astype(np.float32)[place], np.float32)
    return odds, (of_hair > _SOME)[place]


def _densities(lab: NDArray[np.uint8], weights: tuple[Plane, ...]) -> tuple[list[Plane], NDArray[np.int32]]:
    """Smooth histograms of colours for each weight, and every cell's place in them.

    Lightness is counted in steps of 8, a and b in steps of 5 around grey.
    """
    around, step = _CHROMA
    place = (lab[..., 0].astype(np.int32) >> 3) * _BINS * _BINS
    for channel, stride in ((1, _BINS), (2, 1)):
        chroma = np.clip((lab[..., channel].astype(np.int32) - 128 + around) // step, 0, _BINS - 1)
        place += chroma * stride
    found, sampled = [], place[::2, ::2].ravel()
    for weight in weights:
        counts = np.bincount(sampled, weight[::2, ::2].ravel(), _LIGHTS * _BINS**2).astype(np.float32)
        cube = counts.reshape(_LIGHTS, _BINS, _BINS)
        for axis in range(3):
            lower, upper = (np.roll(cube, move, axis) for move in (1, -1))
            cube = np.asarray(0.5 * cube + 0.25 * (lower + upper), np.float32)
        found.append(np.asarray(cube.ravel() / cube.sum(), np.float32))
    return found, place


def likely_hair(coarse: Plane, skin: Plane, within: Plane, odds: Plane, alike: Mask) -> Plane:
    """How likely each cell is hair, 0..1, from the parser's shares and the odds of its colour."""
    rows = ((np.arange(len(coarse), dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    below = np.clip((rows - CHIN) / 0.06, 0.0, 1.0)
    # Clothes of the hair's colour: there the parser must be the surer.
    clothes = (rows > CHIN) & (coarse < 0.2) & (within > 0)
    clash = float((alike & (odds > -1.0))[clothes].mean()) if clothes.any() else 0.0
    doubt = below * np.clip(1.0 - (coarse - 0.35 - 0.3 * min(2.0 * clash, 1.0)) / 0.2, 0.0, 1.0)
    near = cv2.dilate((coarse > 0.6).astype(np.uint8), np.ones((17, 17), np.uint8)).astype(np.float32)
    # Colour alone makes no hair: dark backgrounds have the colours of dark hair.
    near = cv2.blur(near, (7, 7)) * (1.0 - doubt) * np.clip((coarse - 0.05) / 0.17, 0.0, 1.0)
    clipped = np.clip(coarse, 0.01, 0.99)
    score = np.log(clipped / (1.0 - clipped)) + np.float32(_COLOUR_SAYS) * (
        np.minimum(odds, 0.0) + np.maximum(odds, 0.0) * near
    )
    fringe = (rows < BROW) * np.clip((odds - 1.5) / 1.0, 0.0, 1.0)
    score += np.float32(_FRINGE_SAYS) * fringe
    veto = eased(np.clip((skin - 0.5) / 0.4, 0.0, 1.0)) * (1.0 - fringe)
    return np.asarray((1.0 - veto) * (1.0 - doubt) / (1.0 + np.exp(-score)), np.float32)


def attached_hair(likely: Plane, coarse: Plane, within: Plane) -> Plane:
    """1 where hair hangs together with the head's, falling to 0 around it."""
    rough = cv2.GaussianBlur(np.asarray(likely, np.float32), (0, 0), 1.5) * within
    count, pieces = cv2.connectedComponents((rough > 0.4).astype(np.uint8))
    sure = np.bincount(np.asarray(pieces).ravel(), ((coarse > SURE_HAIR) * within).ravel(), count)
    sure[0] = 0.0
    kept = (sure > max(_LEAST_PIECE * sure.max(), 20.0))[pieces]
    grown = cv2.dilate(kept.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), 2.0), np.float32)
