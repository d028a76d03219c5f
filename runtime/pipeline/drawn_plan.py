"""The plan and the mask of a face without occlusions, cached while request and face do not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..ages.plan import FacePlan, plan_face
from ..ages.request import Request
from ..bundle.manifest import Manifest
from ..face.region_masks import RegionMasks, edit_mask

MASK_PX = 384


@dataclass(frozen=True, eq=False)
class DrawnPlan:
    """A ``plan`` for a face with these ``masks`` and ages ``now``, in a frame of ``size`` px.

    ``mask`` float32 [n, n], n at most MASK_PX, 0..1, is where a change may be pasted, occlusions not
    considered.
    """

    request: Request
    masks: RegionMasks
    now: FaceAges
    size: int
    plan: FacePlan
    mask: NDArray[np.float32]

    def is_for(self, request: Request, masks: RegionMasks, now: FaceAges, size: int) -> bool:
        """Whether it is valid for these arguments."""
        same = self.masks is masks and self.now is now and self.size == size
        return same and self.request == request


def draw_plan(
    request: Request,
    now: FaceAges,
    masks: RegionMasks,
    margin: int,
    landmarks: NDArray[np.floating],
    size: int,
    manifest: Manifest,
    before: DrawnPlan | None = None,
) -> DrawnPlan:
    """Plan a face for a frame of ``size`` px; returns ``before`` if it is valid for the arguments.

    ``masks`` have ``margin`` cells around the frame, ``landmarks`` [468, 2] are in units of it.
    """
    if before is not None and before.is_for(request, masks, now, size):
        return before
    coarse = min(size, MASK_PX)
    plan = plan_face(request, now, masks, margin, coarse, manifest.age_range, manifest.oldest_trained_age)
    return DrawnPlan(request, masks, now, size, plan, edit_mask(landmarks, coarse) * plan.asked)
