"""Initialises the learnt atlas from an aging field.

The fine channels are initialised with the field's patterns of lines, one each; the coarse ones with the
field's shading and the patterns' folds. All of them are trained further.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from amgan.networks import Generator
from amgan.networks.config import AGE_SPAN_YEARS
from amgan.pairs.aging_field import AgingField
from amgan.pairs.options import OWN_SPAN_YEARS, AgingOptions
from amgan.runtime.errors import UsageError
from amgan.runtime.face.mean_face import mean_face

OLD_AGE, YOUNG_AGE = 80.0, 25.0
SPREAD = 0.3
"""Root mean square of the channels; pictures are -1..1."""

Floats = NDArray[np.float32]


def fill_atlas(generator: Generator, field: AgingField) -> None:
    """Write the field's patterns into the generator's atlas and its gains.

    Raises UsageError if the generator has no atlas, or fewer fine channels than the field has patterns.
    """
    count, half = len(field.pattern_names), generator.config.atlas_channels // 2
    if generator.atlas is None or generator.config.patterns != count or half < count:
        raise UsageError(
            f"an atlas of {half} fine channels for {generator.config.patterns} patterns cannot start from a "
            f"field of {count}: set patterns = {count} and atlas_channels = {2 * count} or more"
        )
    atlas, options = generator.atlas, AgingOptions()
    spans = (OLD_AGE - YOUNG_AGE) / AGE_SPAN_YEARS
    shade = options.field_gain * field.difference(OLD_AGE, YOUNG_AGE)[..., 0] / spans
    folds = options.deviation_gain * field.deviations * (AGE_SPAN_YEARS / OWN_SPAN_YEARS)
    with torch.no_grad():
        for target, planes in ((atlas.fine, field.lines), (atlas.coarse, shade + folds)):
            rows, columns = target.shape[2:]
            stacked = np.stack([_of_atlas(plane, columns, rows) for plane in planes])
            target[0, :count] = torch.from_numpy(stacked * (SPREAD / max(float(stacked.std()), 1e-9)))
        own = torch.zeros_like(atlas.gain.weight)
        for first in (0, half):
            own[first : first + count] = torch.eye(count)
        mine = own.sum(dim=1) > 0
        atlas.gain.weight[mine] = own[mine]
        atlas.gain.bias[mine] = 0.0


def _of_atlas(plane: Floats, columns: int, rows: int) -> Floats:
    """Crop a plane over the mean face's frame [L, L] to the atlas, float32 [rows, columns]."""
    left, top, right, bottom = mean_face().rectangle * plane.shape[0]
    across = (np.arange(columns) + 0.5) / columns * (right - left) + left - 0.5
    down = (np.arange(rows) + 0.5) / rows * (bottom - top) + top - 0.5
    smaller = max((right - left) / columns, (bottom - top) / rows)
    smooth = cv2.GaussianBlur(plane, (0, 0), 0.4 * smaller) if smaller > 1 else plane
    x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    return np.asarray(cv2.remap(np.asarray(smooth, np.float32), x, y, cv2.INTER_LINEAR), np.float32)
