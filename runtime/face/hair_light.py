"""The light of hair in every cell of its window, and shares of hair that follow the matte's edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .hair_grid import Plane, enlarged, halved

_AROUND = 3.2
_EVEN = 40.0


@dataclass(frozen=True, eq=False)
class HairLight:
    """The luminance ``light`` of the photo in cells [n, n], in code values, and of the hair around each cell
    the mean, ``around``, and the deviation, ``spread``; ``weight`` 0..1 says how far a cell shows hair alone.
    ``others`` [n, n] each are means of other values around each cell.
    """

    light: Plane
    weight: Plane
    around: Plane
    spread: Plane
    others: tuple[Plane, ...] = ()


def read_light(alpha: Plane, light: Plane, *others: Plane) -> HairLight:
    """The light of hair with the matte ``alpha`` [n, n] 0..1, and means of ``others`` [n, n]."""
    pure = alpha * alpha
    inner = cv2.erode(pure, np.ones((5, 5), np.uint8))  # beside the face cells are partly skin
    weight = np.maximum(inner * inner, np.float32(0.02) * pure * pure) + np.float32(2e-5)
    lit = light * weight
    sums = _blurred(cv2.merge([weight, lit, light * lit, *(one * weight for one in others)]))
    total, *means = cv2.split(sums)
    around, squares, *rest = (np.asarray(one / total, np.float32) for one in means)
    spread = np.sqrt(np.maximum(squares - around * around, 0.0)) + np.float32(2.0)
    return HairLight(light, weight, around, spread, tuple(rest))


def along_edges(alpha: Plane, light: Plane) -> tuple[Plane, Plane]:
    """The matte ``alpha`` [n, n] 0..1 as factors and offsets [n, n] of luminance, in code values.

    A linear function of luminance follows the matte's edges within cells.
    """
    mean, matted = cv2.blur(light, (5, 5)), cv2.blur(alpha, (5, 5))
    varied = cv2.blur(light * light, (5, 5)) - mean * mean
    steep = (cv2.blur(light * alpha, (5, 5)) - mean * matted) / (varied + _EVEN)
    led: Plane = np.asarray(cv2.blur(steep * (alpha > 0.004), (3, 3)), np.float32)
    return led, np.asarray(alpha - led * light, np.float32)


def box_of(alpha: Plane) -> tuple[int, int, int, int]:
    """The first and end columns and rows of the cells with hair and next to it."""
    used = cv2.dilate((alpha > 0.004).astype(np.uint8), np.ones((5, 5), np.uint8))
    rows, columns = (np.flatnonzero(used.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1


def _blurred(planes: Plane) -> Plane:
    """Planes [n, n, C] blurred by _AROUND cells, at half their size."""
    return enlarged(cv2.GaussianBlur(halved(planes), (0, 0), _AROUND / 2), len(planes))
