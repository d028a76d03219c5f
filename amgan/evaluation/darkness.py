"""Dark patches ("bruises"): extremes of the low-frequency change. Ageing makes lines, not patches."""

from __future__ import annotations

import numpy as np

from .change import FaceChange, blurred_px

BROAD = 0.02
"""Standard deviation of the blur as a share of the face's width: removes lines, keeps patches."""

PERCENTILE = 1.0


def broad_darkness(face: FaceChange) -> float:
    """1st percentile in code values of the blurred change over the inner face; NaN without an inner face.

    -10 and above looks like age, -20 and below like a bruise.
    """
    return _percentile(face, PERCENTILE)


def broad_lightness(face: FaceChange) -> float:
    """99th percentile of the same: white wedges and rims."""
    return _percentile(face, 100.0 - PERCENTILE)


def _percentile(face: FaceChange, percent: float) -> float:
    if not face.inner.any():
        return float("nan")
    broad = blurred_px(face.codes, face.sigma_px(BROAD))
    return float(np.percentile(broad[face.inner], percent))
