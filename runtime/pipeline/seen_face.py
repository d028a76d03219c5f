"""Faces of a photo with their ages and geometry: everything that does not depend on the request."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS, FaceAges
from ..bundle.manifest import FRAME_STEP_PX, Manifest
from ..face.coordinates import frame_coordinates, mesh_coordinates
from ..face.covers import bare_share, covered_parts
from ..face.doubt import flat_shares
from ..face.finder import Face
from ..face.head_parser import HeadParser
from ..face.line_strength import skin_pattern
from ..face.region_masks import RegionMasks, make_region_masks, without_margin
from ..face.visible_skin import visible_skin
from .estimator import Estimator, landmarks_unit
from .likeness import Likeness

SAME_POSITION_PX = 0.1
"""Movement of landmarks in the frame, in its px, up to which all geometry of a face is reused."""
SAME_ZONES_CELLS = 0.1
"""Movement in cells of the map up to which the (soft) masks are reused."""


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face with its estimated ages: everything that does not depend on the request.

    ``now`` are its apparent ages in years, ``frame_px`` the side of its canonical frame; ``masks`` have
    MAP_CELLS cells across the frame and ``margin`` more on every side, which cover the halo, and so have
    ``coordinates``, float32 [3, cells, cells] u, v and inside. ``pattern`` float32 [K] are the mixing weights
    of the pattern for the face's proportions times its line strength (see face/line_strength.py). ``skin`` is
    the visibility of the face's own skin (see visible_skin.py), None without a parser. ``drawn_for`` are the
    landmarks of the masks if these are reused from an earlier picture. ``flat`` are the shares of flat
    pixels (see `flat_shares`), 0 if they were not counted.
    """

    face: Face
    now: FaceAges
    frame_px: int
    landmarks: NDArray[np.float64]
    masks: RegionMasks
    margin: int
    coordinates: NDArray[np.float32]
    pattern: NDArray[np.float32]
    skin: NDArray[np.float32] | None = None
    drawn_for: NDArray[np.float64] | None = None
    flat: tuple[float, float] = (0.0, 0.0)

    @property
    def nbytes(self) -> int:
        """Total size of its maps in bytes."""
        maps = (self.masks.face, self.masks.parts, self.coordinates, self.skin)
        return sum(one.nbytes for one in maps if one is not None)

    @property
    def inner(self) -> RegionMasks:
        """The masks without the margin."""
        return without_margin(self.masks, self.margin)

    @property
    def covered(self) -> dict[str, float]:
        """The covered share of each covered part, 0..1; see covers.py."""
        if self.skin is None:
            return {}
        return covered_parts(self.skin, self.inner)

    @property
    def likeness(self) -> Likeness:
        """How much it looks like a face in a photo."""
        bare = 1.0 if self.skin is None else bare_share(self.skin, self.inner.face)
        return Likeness(self.face.score, bare, *self.flat)


def frame_size(side_px: float, manifest: Manifest) -> int:
    """Side in px of the canonical frame for a face whose frame is ``side_px`` wide in the photo."""
    steps = math.ceil(side_px / FRAME_STEP_PX)
    return min(max(steps * FRAME_STEP_PX, manifest.min_frame_px), manifest.max_frame_px)


def map_margin(frame_px: int, halo_px: int) -> int:
    """The number of cells around MAP_CELLS that cover the halo of a frame."""
    return math.ceil(halo_px * MAP_CELLS / frame_px) + 1


def see_face(
    rgb: NDArray[np.uint8],
    face: Face,
    manifest: Manifest,
    estimator: Estimator,
    parser: HeadParser | None = None,
) -> SeenFace:
    """Estimate the ages of a face of a photo, uint8 [H, W, 3], and compute its masks and occlusions.

    Without a ``parser`` there are no occlusions. Raises EngineError.
    """
    size = frame_size(face.frame.side_px, manifest)
    geometry = _geometry(face, size, manifest)
    inner = without_margin(geometry.masks, geometry.margin)
    image = estimator.look(rgb, face)
    now = estimator.read_frame(image, face, inner)
    pattern = skin_pattern(image, geometry.landmarks, manifest.patterns)
    seen = SeenFace(face, now, size, *geometry, pattern, flat=flat_shares(rgb, face.box))
    return seen if parser is None else see_skin(rgb, seen, parser)


def make_seen_face(
    face: Face, now: FaceAges, size: int, manifest: Manifest, pattern: NDArray[np.float32]
) -> SeenFace:
    """A SeenFace from known ages, frame side in px and pattern, as in a video."""
    return SeenFace(face, now, size, *_geometry(face, size, manifest), pattern)


def update_seen_face(
    face: Face,
    now: FaceAges,
    size: int,
    manifest: Manifest,
    pattern: NDArray[np.float32],
    before: SeenFace | None,
) -> SeenFace:
    """`make_seen_face` that reuses the geometry of ``before``.

    All of it if the landmarks moved by less than SAME_POSITION_PX, only its masks if by less than
    SAME_ZONES_CELLS.
    """
    unit = landmarks_unit(face)
    if before is None or before.frame_px != size:
        return make_seen_face(face, now, size, manifest, pattern)
    if np.abs(unit - before.landmarks).max() * size <= SAME_POSITION_PX:
        return replace(before, face=face, skin=None)
    drawn_for = before.landmarks if before.drawn_for is None else before.drawn_for
    if np.abs(unit - drawn_for).max() * MAP_CELLS > SAME_ZONES_CELLS:
        return make_seen_face(face, now, size, manifest, pattern)
    coordinates = _coordinates(unit, before.masks, before.margin, manifest.coordinates)
    return replace(before, face=face, landmarks=unit, coordinates=coordinates, skin=None, drawn_for=drawn_for)


def see_skin(rgb: NDArray[np.uint8], seen: SeenFace, parser: HeadParser) -> SeenFace:
    """Add the occlusions in a picture, uint8 [H, W, 3], to a face."""
    frame = seen.face.frame
    shares = parser.read_frame(rgb, frame, seen.inner.face)
    return replace(seen, skin=visible_skin(rgb, frame, shares, seen.landmarks))


class _Geometry(NamedTuple):
    """The fields of a SeenFace that depend only on its landmarks."""

    landmarks: NDArray[np.float64]
    masks: RegionMasks
    margin: int
    coordinates: NDArray[np.float32]


def _geometry(face: Face, size: int, manifest: Manifest) -> _Geometry:
    margin = map_margin(size, manifest.halo_px)
    landmarks = landmarks_unit(face)
    masks = make_region_masks(landmarks, MAP_CELLS, margin)
    return _Geometry(landmarks, masks, margin, _coordinates(landmarks, masks, margin, manifest.coordinates))


def _coordinates(
    landmarks: NDArray[np.float64], masks: RegionMasks, margin: int, kind: str
) -> NDArray[np.float32]:
    """Planes u, v and inside of MAP_CELLS and the margin; ``kind`` is the manifest's ``coordinates``."""
    if kind == "frame":
        return frame_coordinates(MAP_CELLS, margin)
    uv = mesh_coordinates(landmarks, MAP_CELLS, margin)
    return np.concatenate([uv, masks.face[None]])
