"""Patterns of lines: mixtures of the lines of several old faces, by zone, on the mean face.

The lines of a single donor at full strength look carved; mixtures of fainter ones look like skin. So every
zone of a pattern is a mixture of a few donors, and each pattern has its own donors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.zones import ZONES

from .face_space import FaceSpace
from .line_filter import LineOptions, only_lines
from .log_picture import Plane, blur, blur_inside, log_picture, soft_bound
from .masks import bare_skin
from .recipe import ZONE_GROUPS, Recipe

LINES_PX = 1024
"""Side in px of the frame of patterns, where donors' lines are one or two px wide."""

_DONOR_LINES = LineOptions(along_px=8.0, across_px=0.7, width_px=2.0, least=1.7, sure=2.8)
_MOST_GAIN = 1.6
"""Largest gain of a mixture, so that noise is not amplified to lines."""


@dataclass(frozen=True, eq=False)
class Donor:
    """An old face on the mean face: log picture [S, S, 3], bare skin and lines [S, S]; S is LINES_PX."""

    log: Plane
    bare: Plane
    lines: Plane


def read_donor(space: FaceSpace, frame: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Donor:
    """Warp a donor's frame uint8 [LINES_PX, LINES_PX, 3] to the mean face; landmarks are in frame units."""
    log = log_picture(space.carried(frame, landmarks))
    bare = bare_skin(log, space.skin)
    band = detail_band(space, log, bare, 14.0)
    return Donor(log, bare, soft_bound(only_lines(band, _DONOR_LINES), 0.24))


def detail_band(space: FaceSpace, log: Plane, bare: Plane, coarse_px: float) -> Plane:
    """Luminance minus its blur over ``coarse_px`` inside skin, [S, S]; fades at the mask's edges."""
    light = log.mean(axis=2)
    detail = (light - blur_inside(light, space.skin + np.float32(1e-3), coarse_px)) * space.skin
    core = cv2.erode((space.skin > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(detail * blur(core, 5.0) * np.maximum(bare, 0.3), np.float32)


def mix_lines(space: FaceSpace, donors: Mapping[str, Donor], recipe: Recipe, number: int) -> Plane:
    """The lines of the recipe's pattern ``number`` in log luminance, float32 [LINES_PX, LINES_PX].

    In each group of zones the donors' mean is scaled to the recipe's strength. Lightening is weaker than
    darkening, and the blur of the whole is subtracted, so that dense lines do not sum to a dark patch.
    """
    pattern = recipe.patterns[number]
    total = np.zeros((space.size_px,) * 2, np.float32)
    weight = np.full_like(total, 1e-3)
    for group, names in pattern.donors.items():
        zone = zone_weight(space, ZONE_GROUPS[group])
        lines = np.zeros_like(total)
        for name in names:
            lines += donors[name].lines / np.float32(len(names))
        seen = zone * space.skin
        own = float(np.sqrt((seen * lines**2).sum() / np.maximum(seen.sum(), 1e-6)))
        wanted = recipe.rms[group] * pattern.gain.get(group, 1.0)
        total += zone * lines * np.float32(min(wanted / max(own, 1e-6), _MOST_GAIN))
        weight += zone
    mixed = total / np.maximum(weight, 1.0)
    mixed = np.where(mixed > 0, 0.8 * mixed, mixed)
    flat = mixed - 0.8 * blur_inside(mixed, space.skin + np.float32(1e-3), 18.0)
    return np.asarray(flat * (space.skin > 0.01), np.float32)


def zone_weight(space: FaceSpace, zones: Sequence[str]) -> Plane:
    """Dilated soft mask of a group of zones on the mean face: float32 [S, S] 0..1."""
    mask = np.zeros((space.size_px,) * 2, np.uint8)
    for zone in ZONES:
        if zone.name in zones:
            for polygon in zone.polygons:
                cv2.fillPoly(
                    mask, [np.round(space.mean[list(polygon)] * space.size_px).astype(np.int32)], 255
                )
    grown = cv2.dilate(mask, np.ones((29, 29), np.uint8))
    return np.asarray(blur(grown, 18.0) / np.float32(255.0))


def mix_texture(space: FaceSpace, donors: Mapping[str, Donor], shares: Mapping[str, float]) -> Plane:
    """Pores: the donors' finest band without its lines, float32 [LINES_PX, LINES_PX] in log luminance."""
    total = np.zeros((space.size_px,) * 2, np.float32)
    for name, share in shares.items():
        band = detail_band(space, donors[name].log, donors[name].bare, 6.0)
        total += np.float32(share) * soft_bound(band - only_lines(band, _DONOR_LINES), 0.07)
    return total


def mix_mottling(space: FaceSpace, donors: Mapping[str, Donor], shares: Mapping[str, float]) -> Plane:
    """Uneven colour of old skin: the donors' band of 5 to 18 px, float32 [LINES_PX, LINES_PX, 3]."""
    total = np.zeros((space.size_px, space.size_px, 3), np.float32)
    for name, share in shares.items():
        bare = donors[name].bare * space.skin
        band = blur_inside(donors[name].log, bare + np.float32(1e-3), 5.0) - blur_inside(
            donors[name].log, bare + np.float32(1e-3), 18.0
        )
        total += np.float32(share) * soft_bound(band, 0.05) * bare[..., None]
    return total
