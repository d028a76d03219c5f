"""The smoothstep function of masks, fades and keyframes."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Share = TypeVar("Share", float, NDArray[Any])


def eased(share: Share) -> Share:
    """Smoothstep of a number or an array in 0..1: from 0 to 1 with slope 0 at both ends."""
    return share * share * (3.0 - 2.0 * share)


def eased_between(values: Share, low: float, high: float) -> Share:
    """Smoothstep of numbers of any size: 0 up to ``low``, 1 from ``high`` on."""
    share = (values - low) / (high - low)
    if isinstance(share, float) and not isinstance(share, np.floating):
        return eased(min(max(share, 0.0), 1.0))  # in a tenth of NumPy's time
    return eased(np.clip(share, 0.0, 1.0))
