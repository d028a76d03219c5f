"""Conversion of other primaries to those of Rec. 709, which sRGB has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VideoError

Doubles = NDArray[np.float64]
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""x and y of red, green, blue and white; the default of frames without primaries."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_rec709(chromaticities: Any, path: Path) -> NDArray[np.float32] | None:
    """The map [3, 3] from light of these primaries (x and y of red, green, blue and white) to Rec. 709.

    White stays white (Bradford adaptation). None if they are those of Rec. 709 or not given. Raises
    VideoError, naming the file, if there is no such map.
    """
    if chromaticities is None:
        return None
    given = np.asarray(chromaticities, np.float64).ravel()
    if given.shape == (8,) and np.abs(given - REC709).max() < 2e-3:
        return None
    try:
        if given.shape != (8,) or not np.isfinite(given).all() or (given[1::2] == 0).any():
            raise np.linalg.LinAlgError
        xyz, wanted = _to_xyz(given), _to_xyz(np.array(REC709))
        white, other = _BRADFORD @ xyz.sum(axis=1), _BRADFORD @ wanted.sum(axis=1)
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(other / white) @ _BRADFORD
        found = np.linalg.inv(wanted) @ adapted @ xyz
        if not np.isfinite(found).all() or np.linalg.cond(found) > 1e4:
            raise np.linalg.LinAlgError
    except np.linalg.LinAlgError:
        raise VideoError(
            f"'{path}' names primaries that make no colours: mend its `chromaticities`"
        ) from None
    return found.astype(np.float32)


def _to_xyz(given: Doubles) -> Doubles:
    """The matrix [3, 3] from light of these primaries to XYZ."""
    points = given.reshape(4, 2)
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]])
    primaries, white = xyz[:, :3], xyz[:, 3]
    return np.asarray(primaries * np.linalg.solve(primaries, white))
