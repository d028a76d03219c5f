"""Locality of a change: masks over a photo, and the share of a change inside the requested zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import LIPS_OUTER
from amgan.runtime.face.region_masks import edit_mask, make_region_masks
from amgan.runtime.face.warp import sample_plane
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.seen_face import SeenFace

CELLS = 256
MASK_CELLS = 512
INSIDE = 0.02
ON_FACE = 0.9
ON_SKIN = 0.5
SKIN_PARTS = ("forehead", "cheek-pores", "cheek-spots", "cheek-redness", "cheek-lines", "chin")

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FaceRegions:
    """Masks over a photo.

    ``face`` bool [H, W]: the face without eyes and open mouth. ``skin`` bool [H, W]: its skin. ``outside``
    bool [H, W]: everything else, with eyes and open mouth, where no pixel may change. ``masks`` float32
    [P, C, C]: the parts' masks over the face's frame. ``to_masks``: affine map from photo px to mask cells.
    """

    face: Mask
    skin: Mask
    outside: Mask
    masks: NDArray[np.float32]
    to_masks: NDArray[np.float64]

    def zone(self, parts: Sequence[str]) -> Mask:
        """The soft mask of some parts: where their weight is above INSIDE."""
        return zone_mask(self.masks, self.to_masks, parts, self.face.shape) > INSIDE


def find_regions(seen: SeenFace, shape: tuple[int, ...]) -> FaceRegions:
    """The masks of a face and its parts in a photo of ``shape`` [H, W, ...]."""
    masks = make_region_masks(seen.landmarks, CELLS).parts
    to_masks = seen.face.frame.to_frame(CELLS)
    editable = sample_plane(
        edit_mask(seen.landmarks, MASK_CELLS),
        seen.face.frame.to_frame(MASK_CELLS),
        (shape[1], shape[0]),
        smooth=False,
    )
    plain = [name for name in PART_NAMES if name.startswith(SKIN_PARTS)]
    skin = zone_mask(masks, to_masks, plain, shape) > ON_SKIN
    # The pipeline resamples its own mask, so pixels on the edge belong to neither mask.
    near = cv2.dilate((editable > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    face = editable > ON_FACE
    return FaceRegions(face, face & skin & ~_lips(seen, shape), ~near, masks, to_masks)


def zone_mask(
    masks: NDArray[np.float32],
    to_masks: NDArray[np.float64],
    parts: Sequence[str],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Summed weights 0..1 of some parts over a photo, float32 [H, W]."""
    plane = masks[[PART_NAMES.index(name) for name in parts]].sum(axis=0)
    return sample_plane(plane, to_masks, (shape[1], shape[0]), smooth=False)


def share_inside(before: Picture, after: Picture, where: Mask) -> float:
    """Share of the absolute change of a photo that lies in ``where``; NaN where nothing changed."""
    change = np.abs(after.astype(np.int16) - before).sum(axis=2)
    total = int(change.sum())
    return float(change[where].sum() / total) if total else float("nan")


def changed_pixels(before: Picture, after: Picture, where: Mask) -> int:
    """Number of pixels in ``where`` that are not identical."""
    return int((before[where] != after[where]).any(axis=-1).sum())


def _lips(seen: SeenFace, shape: tuple[int, ...]) -> Mask:
    """The lips and the area between them."""
    lips = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(lips, [np.rint(seen.face.landmarks[list(LIPS_OUTER)]).astype(np.int32)], 1)
    return lips > 0
