"""Turns a face of a photo into work for an engine, and pastes the result."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS, FaceAges
from ..ages.request import Request
from ..bundle.manifest import FRAME_STEP_PX, Manifest
from ..engines.contract import Capabilities
from ..engines.frame import FrameWork
from ..face.coordinates import frame_coordinates, mesh_coordinates, resize_plane
from ..face.covers import covered_parts
from ..face.finder import Face
from ..face.hair import HairChange, greys, paste_hair, plan_hair
from ..face.head_parser import HeadParser, own_skin, skin_at
from ..face.line_strength import pattern_for, skin_pattern
from ..face.paste import paste_change
from ..face.pattern import one_pattern
from ..face.region_masks import RegionMasks, make_region_masks, without_margin
from ..face.shape import ShapeChange, paste_shape, plan_shape
from ..face.tone import read_tone
from ..face.whites import OPENINGS, WhiteChange, paste_white, plan_whites
from .drawn_plan import DrawnPlan, draw_plan
from .engine_frame import (
    Canvas,
    any_memory,
    area_of_mask,
    area_of_tiles,
    engine_map,
    engine_positions,
    frame_with_halo,
    plan_mask,
)
from .estimator import Estimator, landmarks_unit

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
    the visibility of the face's own skin (see head_parser.py), None without a parser. ``drawn_for`` are the
    landmarks of the masks if these are reused from an earlier picture.
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


@dataclass(frozen=True, eq=False)
class FaceWork:
    """The planned work on one face: ``mask`` float32 [S, S] of the change, ``frame`` for the engine.

    ``hair`` and ``shape`` are the changes of its hair and shape, if any, ``whites`` those of eyes and teeth.
    """

    seen: SeenFace
    wanted: FaceAges
    mask: NDArray[np.float32]
    frame: FrameWork
    hair: HairChange | None = None
    shape: ShapeChange | None = None
    whites: tuple[WhiteChange, ...] = ()

    @property
    def before(self) -> NDArray[np.uint8]:
        """The face's frame without its halo, uint8 [S, S, 3], a view."""
        halo = (self.frame.image.shape[0] - self.seen.frame_px) // 2
        end = halo + self.seen.frame_px
        return self.frame.image[halo:end, halo:end]


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
    seen = SeenFace(face, now, size, *geometry, pattern)
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
    return replace(seen, skin=own_skin(parser.read_frame(rgb, seen.face.frame, seen.inner.face)))


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


def plan_work(
    rgb: NDArray[np.uint8],
    seen: SeenFace,
    request: Request,
    manifest: Manifest,
    likes: Capabilities,
    label: str,
    parser: HeadParser | None = None,
    drawn: DrawnPlan | None = None,
    ask: bool = True,
    canvas: Canvas = any_memory,
) -> FaceWork:
    """Plan a checked request for one face; ``label`` names the face in error messages.

    Without a ``parser`` the hair does not change. ``drawn`` is a plan that was made before. If ``ask`` is
    false, no engine will run: the work has no tiles and no planes, and its frame is sampled only at the mask.
    ``canvas`` allocates the frame's image.
    """
    size, halo = seen.frame_px, manifest.halo_px
    if drawn is None:
        drawn = plan_seen(seen, request, manifest)
    plan, mask = drawn.plan, drawn.mask
    if seen.skin is not None:
        mask = mask * skin_at(seen.skin, len(mask))
    mask = resize_plane(mask, size)
    tiles = plan_mask(mask, manifest, likes) if ask else []
    area = area_of_tiles(tiles, halo) if ask else area_of_mask(mask, halo)
    image = frame_with_halo(rgb, seen.face.frame, size, halo, area, canvas if ask else any_memory)
    coordinates, aging_map = np.zeros((4, 0, 0), np.float32), np.zeros((0, 0), np.float32)
    if ask:
        aging_map = engine_map(plan.change, seen.margin, size, halo)
        coordinates = engine_positions(seen.coordinates, seen.margin, size, halo)
    pattern = pattern_for(_pattern(request, seen, manifest.patterns), plan.change)
    frame = FrameWork(image, aging_map, coordinates, pattern, tuple(tiles), label)
    hair = _plan_hair(rgb, seen, request, plan.wanted, parser)
    shape = None
    if request.shape:
        shape = plan_shape(seen.face.frame, seen.landmarks, seen.now.base, plan.wanted.base)
    whites = _plan_whites(rgb, seen, plan.wanted) if request.whites else ()
    return FaceWork(seen, plan.wanted, mask, frame, hair, shape, whites)


def plan_seen(
    seen: SeenFace, request: Request, manifest: Manifest, before: DrawnPlan | None = None
) -> DrawnPlan:
    """Plan a request for a face; returns ``before`` if it is still valid."""
    return draw_plan(
        request, seen.now, seen.masks, seen.margin, seen.landmarks, seen.frame_px, manifest, before
    )


def paste_face(out: NDArray[np.uint8], work: FaceWork, aged: NDArray[np.uint8], strength: float) -> None:
    """Add the change of one face to the photo ``out`` in place; ``aged`` is its frame, uint8 [S, S, 3]."""
    before = work.before
    tone = read_tone(before, work.mask)
    paste_change(out, work.seen.face.frame, before, aged, work.mask, strength=strength, tone=tone)
    for change in work.whites:
        paste_white(out, change, tone, strength)
    if work.hair is not None:
        paste_hair(out, work.hair, strength)
    if work.shape is not None:
        paste_shape(out, work.shape, strength)


def _plan_hair(
    rgb: NDArray[np.uint8], seen: SeenFace, request: Request, wanted: FaceAges, parser: HeadParser | None
) -> HairChange | None:
    """The change of the hair of a face that gets older as a whole; None if there is none."""
    now = seen.now.base
    if parser is None or not request.hair or not greys(now, wanted.base):
        return None
    face_mask = seen.inner.face
    shares = parser.read_window(rgb, seen.face.frame, face_mask)
    return plan_hair(rgb, seen.face.frame, shares, seen.landmarks, now, wanted.base)


def _plan_whites(rgb: NDArray[np.uint8], seen: SeenFace, wanted: FaceAges) -> tuple[WhiteChange, ...]:
    """The changes of the whites of a face whose age changes as a whole."""
    if seen.now.base == wanted.base:
        return ()
    visible = [1.0 if seen.skin is None else _visible(seen, one.ring) for one in OPENINGS]
    return plan_whites(rgb, seen.face.landmarks, seen.now.base, wanted.base, visible)


def _visible(seen: SeenFace, points: tuple[int, ...]) -> float:
    """The share of the face's points that nothing covers."""
    assert seen.skin is not None
    size = len(seen.skin)
    cells = np.clip(seen.landmarks[list(points)] * size, 0, size - 1).astype(int)
    return float(seen.skin[cells[:, 1], cells[:, 0]].mean())


def _pattern(request: Request, seen: SeenFace, count: int) -> NDArray[np.float32]:
    """Mixing weights, float32 [count], of the requested pattern or of the face's own mixture, times the
    strength of new lines.
    """
    if request.pattern is None:
        return seen.pattern * np.float32(request.lines)
    return one_pattern(request.pattern, count) * np.float32(request.lines * float(seen.pattern.sum()))


def _coordinates(
    landmarks: NDArray[np.float64], masks: RegionMasks, margin: int, kind: str
) -> NDArray[np.float32]:
    """Planes u, v and inside of MAP_CELLS and the margin; ``kind`` is the manifest's ``coordinates``."""
    if kind == "frame":
        return frame_coordinates(MAP_CELLS, margin)
    uv = mesh_coordinates(landmarks, MAP_CELLS, margin)
    return np.concatenate([uv, masks.face[None]])
