"""Strength of a change in frequency bands: lines, folds and shading, as shares of the face's width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .change import FaceChange, blurred_px

EDGES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Standard deviations of the blurs that separate the bands, as shares of the face's width."""

BAND_NAMES = (
    f"under {EDGES[0]:.2%}",
    *(f"{fine:.2%} to {broad:.2%}" for fine, broad in pairwise(EDGES)),
    f"over {EDGES[-1]:.2%}",
)
_SMALLEST_SIGMA_PX = 0.4


def band_rms(face: FaceChange) -> dict[str, float]:
    """Root mean square of the change in every band over the inner face, in code values, by BAND_NAMES.

    NaN where the picture's resolution is too low for the band, or without an inner face.
    """
    levels = [face.codes, *(blurred_px(face.codes, face.sigma_px(edge)) for edge in EDGES)]
    levels.append(np.zeros_like(face.codes))
    found = {}
    for number, name in enumerate(BAND_NAMES):
        finest = EDGES[min(number, len(EDGES) - 1)]
        if face.sigma_px(finest) < _SMALLEST_SIGMA_PX or not face.inner.any():
            found[name] = float("nan")
        else:
            band = (levels[number] - levels[number + 1])[face.inner]
            found[name] = float(np.sqrt(np.mean(band.astype(np.float64) ** 2)))
    return found
