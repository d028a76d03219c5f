"""From a face in a photo to what an engine is given of it, and back into the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS, FaceAges
from ..ages.plan import plan_face
from ..ages.request import Request
from ..bundle.manifest import FRAME_STEP_PX, Manifest
from ..engines.contract import CELL_PX, Capabilities
from ..engines.frame import FrameWork
from ..engines.tiles import Tile, mask_cells, plan_cheapest, plan_tiles
from ..face.coordinates import frame_coordinates, mesh_coordinates, resize_plane, sample_cells, scale_of
from ..face.covers import covered_parts
from ..face.finder import Face
from ..face.hair import HairChange, greys, paste_hair, plan_hair
from ..face.head_parser import HeadParser, own_skin, skin_at
from ..face.paste import paste_change
from ..face.pattern import choose_pattern, one_pattern
from ..face.region_masks import RegionMasks, edit_mask, make_region_masks, without_margin
from ..face.shape import ShapeChange, paste_shape, plan_shape
from ..face.tone import read_tone
from ..face.warp import sample_affine
from .estimator import Estimator, landmarks_unit

MASK_PX = 384
SAME_PLACE_PX = 0.1
"""How far landmarks may move within the frame, in its pixels, before the parts of a face are placed anew."""
SAME_ZONES_CELLS = 0.1
"""How far they may move, in cells of the map, before its masks, which are soft, are drawn anew."""
TILE_STEP_PX = 32  # engines prepare for every size anew, so there should be few


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face that was found and read: all that does not depend on what is asked for.

    ``now`` are its apparent ages in years, ``frame_px`` the side of its canonical frame; ``masks`` have
    MAP_CELLS cells across the frame and ``margin`` more on every side, which cover the halo, and so have
    ``coordinates``, float32 [3, cells, cells] u, v and inside. ``pattern`` float32 [K] are the mixing weights
    of the person's pattern where they are known from more than this picture. ``drawn_for`` are the landmarks
    of the masks, where those of an earlier picture are still good enough.
    """

    face: Face
    now: FaceAges
    frame_px: int
    landmarks: NDArray[np.float64]
    masks: RegionMasks
    margin: int
    coordinates: NDArray[np.float32]
    pattern: NDArray[np.float32] | None = None
    skin: NDArray[np.float32] | None = None
    drawn_for: NDArray[np.float64] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of its maps."""
        maps = (self.masks.face, self.masks.parts, self.coordinates, self.skin)
        return sum(one.nbytes for one in maps if one is not None)

    @property
    def inner(self) -> RegionMasks:
        """The masks of the frame alone, without the cells around it."""
        return without_margin(self.masks, self.margin)

    @property
    def covered(self) -> dict[str, float]:
        """How much of each part something covers, 0..1, of those that are covered; see covers.py."""
        if self.skin is None:
            return {}
        return covered_parts(self.skin, self.inner)


@dataclass(frozen=True, eq=False)
class FaceWork:
    """What is to be done to one face: ``mask`` float32 [S, S] says where, ``frame`` is for the engine.

    ``hair`` is what becomes of its hair, and ``shape`` of its shape, if anything.
    """

    seen: SeenFace
    wanted: FaceAges
    mask: NDArray[np.float32]
    frame: FrameWork
    hair: HairChange | None = None
    shape: ShapeChange | None = None

    @property
    def before(self) -> NDArray[np.uint8]:
        """The face's frame without its halo, uint8 [S, S, 3], a view."""
        halo = (self.frame.image.shape[0] - self.seen.frame_px) // 2
        end = halo + self.seen.frame_px
        return self.frame.image[halo:end, halo:end]


def frame_size(side_px: float, manifest: Manifest) -> int:
    """Side of the canonical frame, in px, for a frame that is ``side_px`` wide in the photo."""
    steps = math.ceil(side_px / FRAME_STEP_PX)
    return min(max(steps * FRAME_STEP_PX, manifest.min_frame_px), manifest.max_frame_px)


def map_margin(frame_px: int, halo_px: int) -> int:
    """Cells around MAP_CELLS that cover the halo of a frame."""
    return math.ceil(halo_px * MAP_CELLS / frame_px) + 1


def see_face(
    rgb: NDArray[np.uint8],
    face: Face,
    manifest: Manifest,
    estimator: Estimator,
    parser: HeadParser | None = None,
) -> SeenFace:
    """Read how old a face of a photo, uint8 [H, W, 3], looks, where its parts lie, and what is covered.

    Without a ``parser`` nothing is taken for covered.
    """
    size = frame_size(face.frame.side_px, manifest)
    place = _place(face, size, manifest)
    inner = without_margin(place.masks, place.margin)
    now = estimator.read(rgb, face, inner)
    seen = SeenFace(face, now, size, *place)
    return seen if parser is None else see_skin(rgb, seen, parser)


def place_face(
    face: Face, now: FaceAges, size: int, manifest: Manifest, pattern: NDArray[np.float32] | None = None
) -> SeenFace:
    """A face whose ages, side of the frame in px and pattern are known already, as in a video."""
    return SeenFace(face, now, size, *_place(face, size, manifest), pattern)


def place_again(
    face: Face,
    now: FaceAges,
    size: int,
    manifest: Manifest,
    pattern: NDArray[np.float32] | None,
    before: SeenFace | None,
) -> SeenFace:
    """`place_face`, with what ``before`` knows: all of it where the landmarks have stayed within
    SAME_PLACE_PX, its masks alone within SAME_ZONES_CELLS.
    """
    unit = landmarks_unit(face)
    if before is None or before.frame_px != size:
        return place_face(face, now, size, manifest, pattern)
    if np.abs(unit - before.landmarks).max() * size <= SAME_PLACE_PX:
        return replace(before, face=face, skin=None)
    drawn_for = before.landmarks if before.drawn_for is None else before.drawn_for
    if np.abs(unit - drawn_for).max() * MAP_CELLS > SAME_ZONES_CELLS:
        return place_face(face, now, size, manifest, pattern)
    places = _coordinates(unit, before.masks, before.margin, manifest.coordinates)
    return replace(before, face=face, landmarks=unit, coordinates=places, skin=None, drawn_for=drawn_for)


def see_skin(rgb: NDArray[np.uint8], seen: SeenFace, parser: HeadParser) -> SeenFace:
    """A face that was placed in a picture, uint8 [H, W, 3], with what covers it there."""
    return replace(seen, skin=own_skin(parser.read_frame(rgb, seen.face.frame, seen.inner.face)))


class _Place(NamedTuple):
    """What of a SeenFace follows from its landmarks alone."""

    landmarks: NDArray[np.float64]
    masks: RegionMasks
    margin: int
    coordinates: NDArray[np.float32]


def _place(face: Face, size: int, manifest: Manifest) -> _Place:
    margin = map_margin(size, manifest.halo_px)
    landmarks = landmarks_unit(face)
    masks = make_region_masks(landmarks, MAP_CELLS, margin)
    return _Place(landmarks, masks, margin, _coordinates(landmarks, masks, margin, manifest.coordinates))


def plan_work(
    rgb: NDArray[np.uint8],
    seen: SeenFace,
    request: Request,
    manifest: Manifest,
    likes: Capabilities,
    label: str,
    parser: HeadParser | None = None,
) -> FaceWork:
    """What a request, taken for checked, asks of one face; ``label`` names it in error messages.

    Without a ``parser`` the hair is left alone.
    """
    size, halo = seen.frame_px, manifest.halo_px
    coarse = min(size, MASK_PX)
    plan = plan_face(
        request,
        seen.now,
        seen.masks,
        seen.margin,
        coarse,
        manifest.age_range,
        manifest.oldest_trained_age,
    )
    mask = edit_mask(seen.landmarks, coarse) * plan.asked
    if seen.skin is not None:
        mask *= skin_at(seen.skin, coarse)
    mask = resize_plane(mask, size)
    tiles = plan_mask(mask, manifest, likes)
    image = _frame_with_halo(rgb, seen.face, size, halo, tiles)
    aging_map = _engine_map(plan.change, seen.margin, size, halo)
    places = engine_positions(seen.coordinates, seen.margin, size, halo)
    pattern = _pattern(request, seen, manifest.patterns)
    frame = FrameWork(image, aging_map, places, pattern, tuple(tiles), label)
    hair = _plan_hair(rgb, seen, request, plan.wanted, parser)
    shape = None
    if request.shape:
        shape = plan_shape(seen.face.frame, seen.landmarks, seen.now.base, plan.wanted.base)
    return FaceWork(seen, plan.wanted, mask, frame, hair, shape)


def plan_mask(mask: NDArray[np.float32], manifest: Manifest, likes: Capabilities) -> list[Tile]:
    """The tiles of a frame that a mask, float32 [S, S], asks an engine for."""
    size = mask.shape[0]
    if likes.fixed_core:
        cells = mask_cells(mask, manifest.tile_multiple)
        cores = [core.size for core in likes.all_cores]
        return plan_cheapest(size, cores, manifest.halo_px, cells, manifest.tile_multiple)
    multiple = max(manifest.tile_multiple, TILE_STEP_PX)
    cells = mask_cells(mask, multiple)
    return plan_tiles(size, likes.max_core_px, cells, multiple, at_least=likes.min_tiles)


def paste_face(out: NDArray[np.uint8], work: FaceWork, aged: NDArray[np.uint8], strength: float) -> None:
    """Add the change of one face to the photo ``out`` in place; ``aged`` is its frame, uint8 [S, S, 3]."""
    before = work.before
    tone = read_tone(before, work.mask)
    paste_change(out, work.seen.face.frame, before, aged, work.mask, strength=strength, tone=tone)
    if work.hair is not None:
        paste_hair(out, work.hair, strength)
    if work.shape is not None:
        paste_shape(out, work.shape, strength)


def _frame_with_halo(
    rgb: NDArray[np.uint8], face: Face, size: int, halo: int, tiles: list[Tile]
) -> NDArray[np.uint8]:
    """The face's frame with its halo, uint8 [S + 2h, S + 2h, 3], filled in only where tiles need it."""
    image = np.zeros((size + 2 * halo, size + 2 * halo, 3), np.uint8)
    if not tiles:
        return image
    x0, y0 = min(t.x0 for t in tiles), min(t.y0 for t in tiles)
    x1 = max(t.x0 + t.width for t in tiles) + 2 * halo
    y1 = max(t.y0 + t.height for t in tiles) + 2 * halo
    matrix = face.frame.to_photo(size)
    matrix[:, 2] += matrix[:, :2] @ (x0 - halo, y0 - halo)
    sample_affine(rgb, matrix, (x1 - x0, y1 - y0), image[y0:y1, x0:x1])
    return image


def _plan_hair(
    rgb: NDArray[np.uint8], seen: SeenFace, request: Request, wanted: FaceAges, parser: HeadParser | None
) -> HairChange | None:
    """What becomes of the hair of a face that gets older as a whole, None where nothing does."""
    now = seen.now.base
    if parser is None or not request.hair or not greys(now, wanted.base):
        return None
    face_mask = seen.inner.face
    shares = parser.read_window(rgb, seen.face.frame, face_mask)
    return plan_hair(rgb, seen.face.frame, shares, seen.landmarks, now, wanted.base)


def _pattern(request: Request, seen: SeenFace, count: int) -> NDArray[np.float32]:
    """The mixing weights, float32 [count], of the pattern asked for, or of the one that follows from the
    face.
    """
    if request.pattern is None and seen.pattern is not None:
        return seen.pattern
    if request.pattern is None:
        return choose_pattern(seen.landmarks, count)
    return one_pattern(request.pattern, count)


def _coordinates(
    landmarks: NDArray[np.float64], masks: RegionMasks, margin: int, kind: str
) -> NDArray[np.float32]:
    """u, v and inside of MAP_CELLS and the margin, of the kind that a manifest names."""
    if kind == "frame":
        return frame_coordinates(MAP_CELLS, margin)
    uv = mesh_coordinates(landmarks, MAP_CELLS, margin)
    return np.concatenate([uv, masks.face[None]])


def engine_positions(
    coordinates: NDArray[np.float32], margin: int, size: int, halo: int
) -> NDArray[np.float32]:
    """u, v, inside and scale of every cell of a frame with its halo, float32 [4, (S + 2h) / 4, (S + 2h) / 4].

    ``coordinates`` [3, cells, cells] have ``margin`` cells around the frame. Linear, and exact: what lies
    between two cells is not rounded to steps as OpenCV does, which would blur fine lines.
    """
    cells = (size + 2 * halo) // CELL_PX
    step, shift = _to_engine(coordinates.shape[1] - 2 * margin, margin, size, halo)
    planes = sample_cells(coordinates, cells, step, shift)
    return np.concatenate([planes, np.full_like(planes[:1], scale_of(size))])


def _to_engine(cells: int, margin: int, size: int, halo: int) -> tuple[float, float]:
    """How far the engine's cells are apart on a map of so many cells, and where the first one lies."""
    step = CELL_PX * cells / size
    return step, margin - halo / CELL_PX * step + 0.5 * step - 0.5


def _engine_map(aging_map: NDArray[np.float32], margin: int, size: int, halo: int) -> NDArray[np.float32]:
    """A map of MAP_CELLS for every cell of the frame with its halo, float32 [(S + 2h) / 4, (S + 2h) / 4]."""
    cells = (size + 2 * halo) // CELL_PX
    step, shift = _to_engine(aging_map.shape[0] - 2 * margin, margin, size, halo)
    return sample_cells(aging_map[None], cells, step, shift)[0]
