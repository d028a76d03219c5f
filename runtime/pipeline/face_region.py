"""One face cut out of its photo at a reduced size, for previews."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS
from ..bundle.manifest import FRAME_STEP_PX, Manifest
from ..face.alignment import Frame, apply_affine
from ..face.finder import Face
from ..face.warp import sample_affine
from .seen_face import SeenFace, frame_size, make_seen_face, map_margin


@dataclass(frozen=True, eq=False)
class FaceRegion:
    """A face with its surroundings.

    ``pixels`` are uint8 [h, w, 3], ``seen`` is the face in them. The region starts at (``left``, ``top``) of
    the photo, and one px of the photo is ``scale`` px of it.
    """

    pixels: NDArray[np.uint8]
    seen: SeenFace
    left: int
    top: int
    scale: float


def cut_region(rgb: NDArray[np.uint8], seen: SeenFace, manifest: Manifest, max_frame_px: int) -> FaceRegion:
    """Cut a face out of a photo, uint8 [H, W, 3], so that its frame has at most ``max_frame_px`` px.

    The minimum frame is that of the manifest. The region includes the network's halo, within the photo. A
    region is never enlarged.
    """
    largest = max(max_frame_px // FRAME_STEP_PX * FRAME_STEP_PX, manifest.min_frame_px)
    frame = seen.face.frame
    scale = min(1.0, (largest - 1e-6) / frame.side_px)  # strictly below the frame's side
    frame_px = min(frame_size(frame.side_px * scale, manifest), seen.frame_px)
    reach = manifest.halo_px / frame_px + 1 / MAP_CELLS
    low, high = -reach, 1 + reach
    corners = apply_affine(frame.to_photo(1), np.array([(x, y) for x in (low, high) for y in (low, high)]))
    limit = np.array([rgb.shape[1], rgb.shape[0]])
    left, top = (int(v) for v in np.clip(np.floor(corners.min(axis=0)), 0, limit - 1))
    right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(axis=0)), (left + 1, top + 1), limit))
    if scale == 1.0:
        pixels = np.ascontiguousarray(rgb[top:bottom, left:right])
    else:
        size = (math.ceil((right - left) * scale), math.ceil((bottom - top) * scale))
        to_photo = np.array([[1 / scale, 0.0, left], [0.0, 1 / scale, top]])
        pixels = sample_affine(rgb, to_photo, size)
    face = _moved_face(seen.face, np.array([left, top]), scale)
    moved = replace(seen, face=face, frame_px=frame_px)
    if map_margin(frame_px, manifest.halo_px) != seen.margin:
        made = make_seen_face(face, seen.now, frame_px, manifest, seen.pattern)
        moved = replace(made, skin=seen.skin)
    return FaceRegion(pixels, moved, left, top, scale)


def _moved_face(face: Face, corner: NDArray[np.int64], scale: float) -> Face:
    """The face in a picture that starts at ``corner`` (x, y) of its photo, ``scale`` times as large."""
    centre = (np.asarray(face.frame.centre) - corner) * scale
    right = np.asarray(face.frame.right) * scale
    frame = Frame((float(centre[0]), float(centre[1])), (float(right[0]), float(right[1])))
    return replace(face, landmarks=(face.landmarks - corner) * scale, frame=frame)
