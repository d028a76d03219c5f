"""Occlusions of a face: how much of each zone's skin is hidden."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from .region_masks import RegionMasks
from .zones import PART_NAMES

LEAST_COVERED = 0.25
_AREAS: Mapping[str, tuple[str, ...]] = {
    "forehead": ("forehead", "frown"),
    "eyes": ("crows-feet", "under-eye-lines", "under-eye-bags", "upper-eyelids"),
    "cheeks": ("cheek-pores", "cheek-spots", "cheek-redness", "cheek-lines"),
    "mouth": ("nasolabial", "upper-lip", "lip-corners"),
    "chin": ("jowls", "chin"),
}


def bare_share(skin: NDArray[np.float32], face: NDArray[np.float32]) -> float:
    """The share of a face, with the mask ``face`` [h, w] 0..1, that is visible own skin, 0..1.

    ``skin`` [n, n] 0..1 is the visibility of the face's own skin in the same frame.
    """
    if skin.shape != face.shape:
        skin = np.asarray(cv2.resize(skin, face.shape[::-1], interpolation=cv2.INTER_AREA))
    return float((face * (skin >= 0.5)).sum() / max(float(face.sum()), 1e-6))


def visible_share(points: NDArray[np.floating], skin: NDArray[np.float32] | None) -> float:
    """The share, 0..1, of points [n, 2] in frame units that nothing covers; 1 if ``skin`` is unknown.

    ``skin`` [n, n] 0..1 is the visibility of the face's own skin.
    """
    if skin is None:
        return 1.0
    cells = np.clip(points * len(skin), 0, len(skin) - 1).astype(int)
    return float(skin[cells[:, 1], cells[:, 0]].mean())


def covered_parts(skin: NDArray[np.float32], masks: RegionMasks) -> dict[str, float]:
    """The covered share of each part, 0..1, by part name; only parts with LEAST_COVERED or more.

    ``skin`` [n, n] 0..1 is the visibility of the face's own skin; ``masks`` are the face's in the same frame,
    without a margin.
    """
    cells = masks.face.shape[0]
    seen = skin if len(skin) == cells else cv2.resize(skin, (cells, cells), interpolation=cv2.INTER_AREA)
    hidden = (np.asarray(seen) < 0.5).astype(np.float32)
    if not hidden.any():
        return {}
    sizes = masks.parts.sum(axis=(1, 2))
    shares = np.einsum("phw,hw->p", masks.parts, hidden) / np.maximum(sizes, 1e-6)
    return {
        name: round(float(share), 3)
        for name, share, size in zip(PART_NAMES, shares, sizes, strict=True)
        if share >= LEAST_COVERED and size > 0
    }


def describe_covers(covered: Mapping[str, float]) -> str:
    """Covered parts in words, such as "mouth and chin"; "" if nothing is covered."""
    named = [
        area
        for area, zones in _AREAS.items()
        if any(part.removesuffix("-right").removesuffix("-left") in zones for part in covered)
    ]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)
