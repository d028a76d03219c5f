"""Bruises: how dark the darkest part of the broad change is. Age makes lines, not dark patches."""

from __future__ import annotations

import numpy as np

from .change import FaceChange, blurred_px

BROAD = 0.02
"""Standard deviation of the blur, a share of the face's width: lines vanish in it, patches stay."""

PERCENTILE = 1.0


def broad_darkness(face: FaceChange) -> float:
    """The 1st percentile of the broad change over the inner face, code values; NaN without an inner face.

    -10 and above looks like age, -20 and below like a bruise.
    """
    return _percentile(face, PERCENTILE)


def broad_lightness(face: FaceChange) -> float:
    """The 99th percentile of the same: white wedges and rims."""
    return _percentile(face, 100.0 - PERCENTILE)


def _percentile(face: FaceChange, percent: float) -> float:
    if not face.inner.any():
        return float("nan")
    broad = blurred_px(face.codes, face.sigma_px(BROAD))
    return float(np.percentile(broad[face.inner], percent))
