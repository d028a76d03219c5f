"""Turns a face of a photo into work for an engine, and pastes the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..ages.request import Request
from ..bundle.manifest import Manifest
from ..engines.contract import Capabilities
from ..engines.frame import FrameWork
from ..face.contrast import ContrastChange, paste_contrast, plan_brows, plan_contrast
from ..face.coordinates import resize_plane
from ..face.covers import visible_share
from ..face.hair import plan_hair
from ..face.hair_paste import HairChange, paste_hair
from ..face.hair_years import greys, regains
from ..face.head_parser import HeadParser, skin_at
from ..face.line_strength import pattern_for
from ..face.neck import NeckChange, neck_ages, paste_neck, plan_neck
from ..face.pattern import one_pattern
from ..face.pixels import CPU_PIXELS, Change, CpuPixels
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
from .seen_face import SeenFace

_LINES = (0.75, 1.3)
"""The least and the largest strength of a neck's lines: it is that of the face's between them."""


@dataclass(frozen=True, eq=False)
class FaceWork:
    """The planned work on one face: ``mask`` float32 [S, S] of the change, ``frame`` for the engine.

    ``hair``, ``shape`` and ``neck`` are the changes of its hair, shape and neck, if any, ``whites`` those of
    eyes and teeth, ``contrast`` those of lashes and lips.
    """

    seen: SeenFace
    wanted: FaceAges
    mask: NDArray[np.float32]
    frame: FrameWork
    hair: HairChange | None = None
    shape: ShapeChange | None = None
    whites: tuple[WhiteChange, ...] = ()
    contrast: tuple[ContrastChange, ...] = ()
    neck: NeckChange | None = None

    @property
    def before(self) -> NDArray[np.uint8]:
        """The face's frame without its halo, uint8 [S, S, 3], a view."""
        halo = (self.frame.image.shape[0] - self.seen.frame_px) // 2
        end = halo + self.seen.frame_px
        return self.frame.image[halo:end, halo:end]


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
    pixels: CpuPixels = CPU_PIXELS,
) -> FaceWork:
    """Plan a checked request for one face; ``label`` names the face in error messages.

    Without a ``parser`` hair and neck do not change. ``drawn`` is a plan that was made before. If ``ask`` is
    false, no engine will run: the work has no tiles and no planes, and its frame is sampled only at the mask.
    ``canvas`` allocates the frame's image, ``pixels`` samples it.
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
    image = frame_with_halo(rgb, seen.face.frame, size, halo, area, canvas if ask else any_memory, pixels)
    coordinates, aging_map = np.zeros((4, 0, 0), np.float32), np.zeros((0, 0), np.float32)
    if ask:
        aging_map = engine_map(plan.change, seen.margin, size, halo)
        coordinates = engine_positions(seen.coordinates, seen.margin, size, halo)
    pattern = pattern_for(_pattern(request, seen, manifest.patterns), plan.change)
    frame = FrameWork(image, aging_map, coordinates, pattern, tuple(tiles), label)
    hair, neck = _plan_around(rgb, seen, request, plan.wanted, parser)
    shape = None
    if request.shape:
        shape = plan_shape(seen.face.frame, seen.landmarks, seen.now.base, plan.wanted.base, seen.skin)
    whites = _plan_whites(rgb, seen, plan.wanted) if request.features else ()
    contrast: tuple[ContrastChange, ...] = ()
    if request.features:
        now, then = seen.now.base, plan.wanted.base
        contrast = plan_contrast(rgb, seen.face.landmarks, now, then, seen.face.frame, seen.skin)
    if hair is not None and regains(seen.now.base, plan.wanted.base):
        contrast += plan_brows(rgb, seen.face.landmarks, seen.face.frame, seen.skin)
    return FaceWork(seen, plan.wanted, mask, frame, hair, shape, whites, contrast, neck)


def plan_seen(
    seen: SeenFace, request: Request, manifest: Manifest, before: DrawnPlan | None = None
) -> DrawnPlan:
    """Plan a request for a face; returns ``before`` if it is still valid."""
    return draw_plan(
        request, seen.now, seen.masks, seen.margin, seen.landmarks, seen.frame_px, manifest, before
    )


def paste_face(
    out: NDArray[np.uint8],
    work: FaceWork,
    aged: NDArray[np.uint8],
    strength: float,
    pixels: CpuPixels = CPU_PIXELS,
    photo: NDArray[np.uint8] | None = None,
) -> None:
    """Add the change of one face to the photo ``out`` in place; ``aged`` is its frame, uint8 [S, S, 3].

    ``pixels`` pastes the network's change; ``photo`` is the photo without changes, uint8 [H, W, 3], if known.
    """
    before = work.before
    tone = read_tone(before, work.mask)
    pixels.paste(out, Change(work.seen.face.frame, before, aged, work.mask, strength, tone, photo))
    for change in work.whites:
        paste_white(out, change, tone, strength)
    for fading in work.contrast:
        paste_contrast(out, fading, tone, strength)
    if work.neck is not None:
        paste_neck(out, work.neck, tone, strength)
    if work.hair is not None:
        paste_hair(out, work.hair, strength)
    if work.shape is not None:
        paste_shape(out, work.shape, strength)


def _plan_around(
    rgb: NDArray[np.uint8], seen: SeenFace, request: Request, wanted: FaceAges, parser: HeadParser | None
) -> tuple[HairChange | None, NeckChange | None]:
    """The changes of hair and neck of a face whose age changes as a whole; None where there is none."""
    now, frame = seen.now.base, seen.face.frame
    hair = request.hair and (greys(now, wanted.base) or regains(now, wanted.base))
    neck = request.neck and "chin" not in seen.covered and neck_ages(frame, seen.landmarks, now, wanted.base)
    if parser is None or not (hair or neck):
        return None, None
    shares = parser.read_window(rgb, frame, seen.inner.face)
    found = plan_hair(rgb, frame, shares, seen.landmarks, now, wanted.base) if hair else None
    if not neck:
        return found, None
    kind = int(np.argmax(seen.pattern)) if request.pattern is None else request.pattern - 1
    lines = request.lines * min(max(float(seen.pattern.sum()), _LINES[0]), _LINES[1])
    return found, plan_neck(rgb, frame, shares, seen.landmarks, now, wanted.base, kind, lines)


def _plan_whites(rgb: NDArray[np.uint8], seen: SeenFace, wanted: FaceAges) -> tuple[WhiteChange, ...]:
    """The changes of the whites of a face whose age changes as a whole."""
    visible = [visible_share(seen.landmarks[list(one.ring)], seen.skin) for one in OPENINGS]
    return plan_whites(rgb, seen.face.landmarks, seen.now.base, wanted.base, visible)


def _pattern(request: Request, seen: SeenFace, count: int) -> NDArray[np.float32]:
    """Mixing weights, float32 [count], of the requested pattern or of the face's own mixture, times the
    strength of new lines.
    """
    if request.pattern is None:
        return seen.pattern * np.float32(request.lines)
    return one_pattern(request.pattern, count) * np.float32(request.lines * float(seen.pattern.sum()))
