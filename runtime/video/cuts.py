"""Detects cuts between shots from thumbnails."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

BINS = 32
OTHER_LIGHTS = 0.5
"""Distance of two lightness histograms, as the share of differing pixels, from which there is a cut."""
OTHER_PICTURE = 0.55
"""Correlation of two thumbnails below which they show different scenes."""
SUDDEN = 3.0
"""Factor over the usual difference of pictures: during a fast pan all differences are large."""
LEAST = 0.03
MEMORY = 12
FEW, AT_FIRST = 3, 0.04
"""With fewer than FEW differences so far, AT_FIRST is the usual difference."""


class CutFinder:
    """Detects cuts; takes the thumbnails of a video in order, float32 [h, w] 0..1."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._usual: deque[float] = deque(maxlen=MEMORY)

    def is_cut(self, thumb: NDArray[np.float32]) -> bool:
        """Whether this picture begins a new shot; False for the first picture."""
        last, self._last = self._last, thumb
        if last is None:
            return False
        difference = float(np.abs(thumb - last).mean())
        usual = float(np.median(self._usual)) if len(self._usual) >= FEW else AT_FIRST
        self._usual.append(difference)
        if difference < LEAST + SUDDEN * usual:
            return False
        return _alike(thumb, last) < OTHER_PICTURE or _apart(thumb, last) > OTHER_LIGHTS


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of two thumbnails, -1..1; 1 for two uniform ones."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 1.0


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Distance of two histograms, 0..1."""
    first, second = (np.histogram(thumb, BINS, (0.0, 1.0))[0] / thumb.size for thumb in (one, other))
    return 0.5 * float(np.abs(first - second).sum())
