"""Necks that age: bands under the chin, creases, crepe and mottling.

What an old neck has was taken from synthetic people of 73 to 82 years (`amgan/pairs/old_necks.py`): the
logarithm of their light in two bands, and the redness of their spots, in widths of the jaw below the chin. It
multiplies the light of the photo, so that it is lit as the neck is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine, invert_affine
from .easing import eased_between
from .head_parser import HeadShares
from .mesh import CHIN, JAW_ANGLES, NOSE_TIP
from .neck_mask import CELLS, NeckMask, find_neck
from .tone import Tone, exposure_weight
from .warp import sample_plane

BAND_ROWS = 64
LEAST_PX = 40.0
"""The least width of the jaw in px of the photo; the neck beneath a smaller one does not change."""
_FILE = Path(__file__).parent / "models" / "old_necks.npz"
_PLANES = ("fine", "folds", "mottling")
_FIRST_YEARS, _SPAN_YEARS, _POWER = 32.0, 43.0, 1.3
_MOST = 1.25
_STRENGTH = (1.1, 1.25, 1.25)
"""Fine lines, folds and mottling, relative to the old necks'."""
_LIGHTER = 0.5
"""What gets lighter does so by this share: on pale skin it would glare."""
_LIGHT = np.array([0.72, 1.04, 1.16], np.float32)
_RED = np.array([0.35, -0.65, -0.50], np.float32)
"""A change of skin's light, and of red over green, in R, G and B: what is darker is redder."""
_PALE = np.array([1.0 - 0.5 * eased_between(code, 165.0, 225.0) for code in range(256)], np.float32)
"""The weight by green code value: on pale skin in bright light full lines would look like stains."""
_TURNED = (0.12, 0.35)
"""The nose's distance from the middle of the jaw, in its widths, for full and for no folds."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NeckChange:
    """The change of the neck in the canonical frame ``frame``.

    ``mask`` is the neck's; ``lines`` float32 [h, w, 2] are the change of the logarithms of light and of red
    over green, and ``to_lines`` [2, 3] maps px of the photo to their cells. ``box`` is x0, y0, x1, y1 in the
    photo.
    """

    frame: Frame
    mask: NeckMask
    lines: Plane
    to_lines: NDArray[np.float64]
    box: tuple[int, int, int, int]


def oldness(years: float) -> float:
    """How much of an old neck a neck has at ``years``: 0 in youth, 1 at 75."""
    return float(min(max((years - _FIRST_YEARS) / _SPAN_YEARS, 0.0) ** _POWER, _MOST))


def neck_ages(frame: Frame, landmarks_unit: NDArray[np.floating], now: float, wanted: float) -> bool:
    """Whether a neck may change: the face gets older, and it is not too small in the photo."""
    return oldness(wanted) > oldness(now) and _jaw_width(landmarks_unit) * frame.side_px >= LEAST_PX


def plan_neck(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
    kind: int = 0,
    lines: float = 1.0,
) -> NeckChange | None:
    """Plan the change of the neck of a face of a photo, uint8 [H, W, 3], from ``now`` to ``wanted`` years.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame; ``kind`` chooses the old neck, ``lines`` scales
    the change. None if nothing changes: the face does not get older, or no neck is surely seen.
    """
    if not neck_ages(frame, landmarks_unit, now, wanted):
        return None
    mask = find_neck(rgb, frame, shares, landmarks_unit)
    if mask is None:
        return None
    box = _box(mask, frame, (rgb.shape[1], rgb.shape[0]))
    if box is None:
        return None
    share = np.float32(lines * (oldness(wanted) - oldness(now)))
    drawn, to_lines = _placed(share * _lines(kind, _frontal(landmarks_unit)), frame, landmarks_unit)
    return NeckChange(frame, mask, drawn, to_lines, box)


def paste_neck(out: NDArray[np.uint8], change: NeckChange, tone: Tone, strength: float = 1.0) -> None:
    """Age the neck of a photo, uint8 [H, W, 3], in place; pixels beside it are not touched.

    ``tone`` is the face's: the less colour the photo has, the less the change has, so that grey stays grey.
    """
    x0, y0, x1, y1 = change.box
    to_mask = change.frame.to_frame(CELLS)
    to_mask[:, 2] -= np.multiply(change.mask.corner, CELLS)
    colours = _colours(tone.share)
    for first in range(y0, y1, BAND_ROWS):
        band = out[first : min(first + BAND_ROWS, y1), x0:x1]
        size = (band.shape[1], band.shape[0])
        weight = sample_plane(change.mask.weight, _moved(to_mask, x0, first), size, smooth=False)
        if not weight.any():
            continue
        suited = cv2.multiply(exposure_weight(band), cv2.LUT(band[..., 1], _PALE), scale=strength)
        share = cv2.merge([cv2.multiply(weight, suited)] * 3)
        lines = sample_plane(change.lines, _moved(change.to_lines, x0, first), size, smooth=False)
        logs = cv2.multiply(cv2.transform(lines, colours), share)
        cv2.multiply(band, cv2.exp(logs), dst=band, dtype=cv2.CV_8U)


def _jaw_width(landmarks_unit: NDArray[np.floating]) -> float:
    """The distance of the jaw's angles in units of the frame."""
    right, left = np.asarray(landmarks_unit, np.float64)[list(JAW_ANGLES), :2]
    return max(float(np.linalg.norm(left - right)), 1e-6)


def _frontal(landmarks_unit: NDArray[np.floating]) -> float:
    """1 for a frontal face, 0 for a turned one, whose neck's folds lie elsewhere."""
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    aside = abs(float(points[NOSE_TIP, 0] - points[list(JAW_ANGLES), 0].mean()))
    return 1.0 - float(eased_between(aside / _jaw_width(points), *_TURNED))


def _lines(kind: int, frontal: float) -> Plane:
    """`NeckChange.lines` of one of the old necks, or of its mirror image, at its full age."""
    necks, _ = _old_necks()
    fine, folds, mottling = necks[kind % len(necks)]
    light = _STRENGTH[0] * fine + np.float32(_STRENGTH[1] * frontal) * folds
    light = np.where(light > 0.0, np.float32(_LIGHTER) * light, light)
    lines = np.stack([light, np.float32(_STRENGTH[2]) * mottling], axis=-1).astype(np.float32)
    return lines[:, ::-1] if kind // len(necks) % 2 else lines


def _placed(
    lines: Plane, frame: Frame, landmarks_unit: NDArray[np.floating]
) -> tuple[Plane, NDArray[np.float64]]:
    """Lines at the photo's resolution at most, and the map from its px to them; they begin at the chin."""
    wide, cells = _jaw_width(landmarks_unit), _old_necks()[1]
    step = wide / cells
    x, y = np.asarray(landmarks_unit, np.float64)[CHIN, :2]
    to_frame = np.array([[step, 0.0, x - 0.5 * lines.shape[1] * step], [0.0, step, y]])
    to_photo = frame.to_photo(1)
    matrix = np.column_stack([to_photo[:, :2] @ to_frame[:, :2], apply_affine(to_photo, to_frame[:, 2])])
    reduced = wide * frame.side_px / cells
    if reduced < 1.0:
        height, width = (max(round(side * reduced), 1) for side in lines.shape[:2])
        matrix[:, :2] *= (lines.shape[1] / width, lines.shape[0] / height)
        lines = np.asarray(cv2.resize(lines, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(lines), invert_affine(matrix)


def _colours(colourless: float) -> NDArray[np.float32]:
    """What light and red over green add to the logarithms of R, G and B, [3, 2]; grey stays grey."""
    colours = np.stack([_LIGHT, _RED], axis=-1)
    grey = np.array([[1.0, 0.0]] * 3, np.float32)
    return np.asarray((1.0 - colourless) * colours + colourless * grey, np.float32)


@cache
def _old_necks() -> tuple[NDArray[np.float32], int]:
    """Fine lines, folds and mottling of old necks, [n, 3, h, w], and their cells in a width of the jaw."""
    with np.load(_FILE) as saved:
        cells, limits = int(saved["cells"]), saved["limits"] / 127.0
        planes = [limits[number] * saved[name].astype(np.float32) for number, name in enumerate(_PLANES)]
    size = (planes[0].shape[2], planes[0].shape[1])
    necks = [
        [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in neck]
        for neck in zip(*planes, strict=True)
    ]
    return np.asarray(necks, np.float32), cells


def _box(mask: NeckMask, frame: Frame, photo: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The box x0, y0, x1, y1 of a mask in a photo of (width, height) ``photo``; None if it is outside."""
    rows, columns = (np.flatnonzero(mask.weight.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    sides = [(x, y) for x in (columns[0] - 1, columns[-1] + 2) for y in (rows[0] - 1, rows[-1] + 2)]
    corners = apply_affine(frame.to_photo(CELLS), np.array(sides, float) + np.multiply(mask.corner, CELLS))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int), photo)
    return None if (high <= low).any() else (int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _moved(matrix: NDArray[np.float64], x: int, y: int) -> NDArray[np.float64]:
    """The same map for coordinates with their origin at (x, y) of the photo."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (x, y)
    return moved
