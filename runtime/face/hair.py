"""Greying of hair with age: temples first, strands kept, and nothing where the parser is unsure.

The change is planned at a low resolution, from the blurred darkness of the hair: a gain, an offset and the
share of colour that is kept. It is then applied to the photo's own pixels, so that strands are preserved.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine
from .easing import eased
from .head_parser import HAIR_WIDTH, PARSER_PX, HeadShares, hair_window
from .mesh import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from .tone import LUMA, read_tone
from .warp import sample_affine, sample_plane

BAND_ROWS = 64
DETAIL_PX = 2 * PARSER_PX

_FIRST_GREY = (41.0, 53.0)
"""Age in years at which hair begins to grey, at the temples and on the crown."""
_GREY_SPAN = 27.0
_SURE = (0.55, 0.9)
_LEAST_SURE = 0.80
_LEAST_SHARE = 0.006
_COLOURS = (20.0, 105.0)
"""Lab hue angles in degrees of natural hair; hair of any other strong colour is dyed and unchanged."""
_PALE = 10.0
_COLOUR_GONE = 0.85
_LEAST_CORE = 150
"""The minimum number of certain hair pixels at DETAIL_PX for estimating its colours."""
_LEAST_SPREAD = (60.0, 8.0, 8.0)
_UNLIKE = (6.0, 14.0)
"""Squared Mahalanobis distances from the hair's colours, with variances of at least _LEAST_SPREAD (in Lab):
up to the first a pixel is hair, from the second on it is not."""
_MOST_GAIN = 2.6
_MOST_SHIFT = (3.0, 24.0)
"""Code values by which hair without and with strands may be lightened in addition to the gain: what
shows no strands, such as black hair in shadow, would look like felt."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HairChange:
    """The change of a photo's pixels in a window around a face.

    ``planes`` float32 [n, n, 3] over the window of ``frame``: a pixel of colour c and luminance y gets
    planes[0] * c + planes[1] * y + planes[2] code values; 0 where there is no hair.
    """

    frame: Frame
    planes: Plane


def greyness(years: float, height: NDArray[np.floating]) -> Plane:
    """The share of grey hair at ``years``, 0..1; ``height`` is 0 at the temples and 1 on the crown."""
    first, last = _FIRST_GREY
    share = np.clip((years - (first + (last - first) * np.asarray(height))) / _GREY_SPAN, 0.0, 1.0)
    return np.asarray(eased(share), np.float32)


def greys(now: float, wanted: float) -> bool:
    """Whether hair changes between two ages in years; it does not before it begins to grey."""
    return wanted > now and wanted > _FIRST_GREY[0]


def plan_hair(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
) -> HairChange | None:
    """Plan the greying of hair around a face of a photo, uint8 [H, W, 3], from ``now`` to ``wanted`` years.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame. None if nothing changes: the face does not get
    older, no hair is certain, or the hair is dyed.
    """
    if not greys(now, wanted):
        return None
    height = _height(landmarks_unit)
    before, after = greyness(now, height), greyness(wanted, height)
    turning = np.asarray((after - before) / np.maximum(1.0 - before, 0.05), np.float32)
    weight = _sure_hair(shares, _within(rgb, frame))
    if weight is None or not (turning * weight).any():
        return None
    image = shares.image.astype(np.float32)
    light = image @ LUMA
    hair = np.median(image[weight > 0.5], axis=0)
    if _dyed(hair):
        return None
    around = _blur(light * weight, 2.0) / np.maximum(_blur(weight, 2.0), 1e-3)
    around = np.maximum(around, 2.0)
    typical = float(np.median(light[weight > 0.5]))
    relief = np.clip((around / max(typical, 2.0)) ** 0.75, 0.3, 1.7)
    goal = around + turning * np.maximum(_grey_level(shares, light) * relief - around, 0.0)
    gain = np.clip((goal / around) ** 0.8, 1.0, _MOST_GAIN)
    strands = np.sqrt(
        np.maximum(_blur(light**2 * weight, 2.0) / np.maximum(_blur(weight, 2.0), 1e-3) - around**2, 0)
    )
    shift = np.minimum(goal - gain * around, np.clip(2.0 * gain * strands, *_MOST_SHIFT))
    colourless = read_tone(shares.image, weight + (shares.skin > 0.8)).share
    keep = 1.0 - _COLOUR_GONE * turning * (1.0 - colourless)
    planes = np.stack([gain * keep - 1.0, gain * (1.0 - keep), shift], axis=-1)
    fine = cv2.resize(planes.astype(np.float32), (DETAIL_PX, DETAIL_PX), interpolation=cv2.INTER_LINEAR)
    return HairChange(frame, np.asarray(fine * _refined(rgb, frame, weight)[..., None], np.float32))


def paste_hair(out: NDArray[np.uint8], change: HairChange, strength: float = 1.0) -> None:
    """Grey the hair of a photo, uint8 [H, W, 3], in place; pixels without hair are not touched."""
    rows, columns = (np.flatnonzero(change.planes.any(axis=(2, axis))) for axis in (1, 0))
    if not rows.size:
        return
    window = hair_window(change.frame)
    sides = [(x, y) for x in (columns[0] - 1, columns[-1] + 2) for y in (rows[0] - 1, rows[-1] + 2)]
    corners = apply_affine(window.to_photo(DETAIL_PX), np.array(sides, float))
    limit = (out.shape[1], out.shape[0])
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), limit)
    to_window = window.to_frame(DETAIL_PX)
    for top in range(y0, y1, BAND_ROWS):
        band = out[top : min(top + BAND_ROWS, y1), x0:x1]
        if not band.size:
            continue
        matrix = to_window.copy()
        matrix[:, 2] += matrix[:, :2] @ (x0, top)
        planes = sample_plane(change.planes, matrix, (band.shape[1], band.shape[0]), smooth=False)
        own, grey, shift = cv2.split(planes)
        light = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY)
        even = cv2.add(cv2.multiply(grey, light, dtype=cv2.CV_32F), shift)
        added = cv2.multiply(band, cv2.merge([own] * 3), dtype=cv2.CV_32F) + cv2.merge([even] * 3)
        cv2.add(band, added * np.float32(strength), dst=band, dtype=cv2.CV_8U)


def _height(landmarks_unit: NDArray[np.floating]) -> Plane:
    """The relative height of every cell of the window: 0 at the brows and below, 1 at the crown."""
    points = (np.asarray(landmarks_unit, np.float64)[:, :2] - 0.5) / HAIR_WIDTH + 0.5
    eyes = points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)
    unit = max(float(np.hypot(*eyes)), 1e-6)
    brow = float(points[list(LEFT_BROW + RIGHT_BROW), 1].mean())
    rows = (np.arange(PARSER_PX) + 0.5) / PARSER_PX
    return np.repeat(np.clip((brow - rows) / (1.3 * unit), 0.0, 1.0)[:, None], PARSER_PX, axis=1).astype(
        np.float32
    )


def _within(rgb: NDArray[np.uint8], frame: Frame) -> NDArray[np.bool_]:
    """Cells of the window within the photo, bool [PARSER_PX, PARSER_PX]; the rest repeats its border."""
    cells = np.arange(PARSER_PX) + 0.5
    places = apply_affine(
        hair_window(frame).to_photo(PARSER_PX), np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)
    )
    inside = ((places >= 0) & (places < (rgb.shape[1], rgb.shape[0]))).all(axis=1)
    return np.asarray(inside.reshape(PARSER_PX, PARSER_PX))


def _sure_hair(shares: HeadShares, within: NDArray[np.bool_]) -> Plane | None:
    """Weights of certain hair, float32 [PARSER_PX, PARSER_PX] 0..1; None if the parser is unsure of all
    that lies ``within`` the photo.
    """
    likely = (shares.hair > 0.5) & within
    if likely.mean() < _LEAST_SHARE or float(shares.hair[likely].mean()) < _LEAST_SURE:
        return None
    low, high = _SURE
    weight = np.clip((shares.hair - low) / (high - low), 0.0, 1.0)
    edge = np.clip((np.minimum(np.arange(PARSER_PX), np.arange(PARSER_PX)[::-1]) - 0.5) / 8.0, 0.0, 1.0)
    weight = eased(weight) * edge[:, None] * edge[None, :]
    return np.asarray(weight, np.float32) if (weight > 0.5).any() else None


def _dyed(colour: NDArray[np.floating]) -> bool:
    """Whether hair of this colour, RGB in code values, is dyed."""
    _, a, b = cv2.cvtColor(np.float32(colour).reshape(1, 1, 3) / 255.0, cv2.COLOR_RGB2LAB)[0, 0]
    angle = float(np.degrees(np.arctan2(b, a)))
    return float(np.hypot(a, b)) > _PALE and not _COLOURS[0] <= angle <= _COLOURS[1]


def _grey_level(shares: HeadShares, light: NDArray[np.floating]) -> float:
    """The lightness of grey hair, in code values, in the illumination of this face."""
    skin = light[shares.skin > 0.9]
    lit = float(np.percentile(skin, 75)) if skin.size else 150.0
    return float(np.clip(0.85 * lit + 18.0, 60.0, 190.0))


def _refined(rgb: NDArray[np.uint8], frame: Frame, weight: Plane) -> Plane:
    """The weight at DETAIL_PX, refined along the photo's edges by a guided filter, 0..1."""
    picture = sample_affine(rgb, hair_window(frame).to_photo(DETAIL_PX), (DETAIL_PX, DETAIL_PX))
    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255.0)
    coarse = cv2.resize(weight, (DETAIL_PX, DETAIL_PX), interpolation=cv2.INTER_LINEAR)

    def mean(plane: NDArray[np.number]) -> Plane:
        return np.asarray(cv2.boxFilter(np.asarray(plane, np.float32), -1, (9, 9)), np.float32)

    guide_mean, coarse_mean = mean(guide), mean(coarse)
    slope = (mean(guide * coarse) - guide_mean * coarse_mean) / (mean(guide * guide) - guide_mean**2 + 4e-4)
    led = mean(slope) * guide + mean(coarse_mean - slope * guide_mean)
    # The filter must not extend the hair beyond the parser's.
    led = np.clip(led, 0.0, 1.0) * np.clip(coarse * 4.0, 0.0, 1.0)
    return np.asarray(led * _like_hair(picture, np.asarray(coarse, np.float32)), np.float32)


def _like_hair(picture: NDArray[np.uint8], weight: Plane) -> Plane:
    """Where a picture, uint8 [n, n, 3], has the colours of its certain hair, [n, n] 0..1, unlike the
    background between curls. 1 everywhere if too little hair is certain.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    core = cv2.erode((weight > 0.95).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    if core.sum() < _LEAST_CORE:
        return np.ones_like(weight)
    hair = lab[core]
    spread = np.cov(hair.T) + np.diag(_LEAST_SPREAD)
    away = lab - hair.mean(axis=0)
    unlike = ((away @ np.linalg.inv(spread).astype(np.float32)) * away).sum(axis=2)
    near, far = _UNLIKE
    return np.asarray(eased(np.clip((far - unlike) / (far - near), 0.0, 1.0)), np.float32)


def _blur(plane: NDArray[np.floating], sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(np.asarray(plane, np.float32), (0, 0), sigma), np.float32)
