"""Filters for faces unsuitable for a regressor: glasses, occlusions, and unsuitable light.

All measures are taken on the warped face. The thresholds were set manually on about nine hundred synthetic
portraits; there the rule for glasses had a recall of 83 % and a precision of 86 %.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import RIGHT_EYE
from amgan.runtime.face.tone import LUMA
from amgan.runtime.face.zones import ZONES

from .features import LOG_FLOOR
from .patches import Template, cut_zone

GLASSES_LIMIT = -3.25
FOREHEAD_LIMIT = 20.0
SIDE_LIGHT_LIMIT = 45.0
DARK_LIMIT = 10.0
HUES = (-15.0, 95.0)
MIN_CHROMA = 6.0

BRIDGE = (193, 417, 8, 195)
"""Mesh points at the right, left, upper and lower edge of the bridge of the nose."""

TEMPLE = (35, 31, 143, 117, 111)
"""Mesh points around the outer rim of a right lens."""

_CHEEK_ZONES = ("cheek-pores", "cheek-redness", "cheek-spots", "nasolabial")

Plane = NDArray[np.float32]


def why_misleading(warped: NDArray[np.uint8], template: Template) -> str | None:
    """Why a warped face [TEMPLATE_PX, TEMPLATE_PX, 3] is unsuitable, or None.

    The reasons are ``too dark``, ``coloured light``, ``one-sided light``, ``glasses`` and ``forehead
    covered``; the first one that applies.
    """
    tones = {zone.name: _tones(warped, template, zone.name) for zone in ZONES}
    cheek = np.median(np.concatenate([tones[name] for name in _CHEEK_ZONES]), axis=0)
    chroma = float(np.hypot(cheek[1], cheek[2]))
    hue = float(np.degrees(np.arctan2(cheek[2], cheek[1])))
    sides = np.stack([tones[name][:, 0] for name in (*_CHEEK_ZONES, "jowls")])
    forehead = (tones["forehead"].mean(axis=0) - cheek) * (0.5, 1.0, 1.0)
    checks = (
        ("too dark", cheek[0] < DARK_LIMIT),
        ("coloured light", chroma >= MIN_CHROMA and not HUES[0] <= hue <= HUES[1]),
        ("one-sided light", np.abs(sides[:, 0] - sides[:, 1]).mean() > SIDE_LIGHT_LIMIT),
        ("glasses", _glasses(warped, template) > GLASSES_LIMIT),
        ("forehead covered", np.linalg.norm(forehead) > FOREHEAD_LIMIT),
    )
    return next((reason for reason, holds in checks if holds), None)


def _tones(warped: NDArray[np.uint8], template: Template, name: str) -> Plane:
    """Median CIELAB colour [2, 3] of both sides of a zone."""
    zone = next(z for z in ZONES if z.name == name)
    patches = cut_zone(warped, zone, template)
    lab = [cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for p in patches.pictures]
    return np.stack([np.median(plane[patches.mask], axis=0) for plane in lab])


def _glasses(warped: NDArray[np.uint8], template: Template) -> float:
    """A score for glasses: a bar across the bridge, rims at the temples, low contrast in the eyes."""
    light = np.log(warped.astype(np.float32) @ LUMA + LOG_FLOOR)
    points = template.points
    left, right = points[BRIDGE[0], 0], points[BRIDGE[1], 0]
    top, bottom = points[BRIDGE[2], 1], points[BRIDGE[3], 1]
    bar = _edge(light[int(top) : int(bottom), int(left) : int(right) + 1])
    rims, eyes = [], []
    for side in (light, light[:, ::-1]):
        rims.append(_edge(_region(side, points[list(TEMPLE)]).T))
        eyes.append(float(_region(side, points[list(RIGHT_EYE)]).std()))
    faint = 0.01
    parts = np.log(np.array([bar, *rims, min(eyes)]) + faint)
    return float(parts @ (1.0, 0.25, 0.25, -0.25))


def _region(plane: Plane, points: NDArray[np.float64]) -> Plane:
    """The pixels of a plane inside the bounding box of points [P, 2]."""
    low, high = points.min(axis=0).astype(int), points.max(axis=0).astype(int) + 1
    return plane[low[1] : high[1], low[0] : high[0]]


def _edge(plane: Plane) -> float:
    """Strength of the strongest edge that runs along the rows, across most of the plane's width."""
    smooth = cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), 1.2)
    return float(np.percentile(np.abs(np.diff(smooth, axis=0)), 30, axis=1).max())
