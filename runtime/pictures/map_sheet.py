"""Pictures of aging maps over a face: present ages, wanted ages, and zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..ages.atlas_transfer import face_age
from ..ages.maps import FaceAges, build_age_field
from ..ages.plan import wanted_age_field
from ..ages.request import Request
from ..face.finder import Face
from ..face.region_masks import make_region_masks
from ..face.warp import sample_affine
from ..face.zones import ZONES, Zone
from ..pipeline.estimator import landmarks_unit
from .drawing import BACKGROUND, INK, colours_of, draw_scale, font, span_of

PANEL_PX = 384

_STRENGTH = 0.62
_GAP = 16
_TEXT = 15
_SUPERSAMPLE = 3
_HUES = (
    (230, 75, 60), (60, 140, 220), (245, 170, 40), (100, 185, 80), (175, 95, 205), (35, 180, 175),
    (240, 110, 165), (150, 160, 50), (95, 105, 215), (225, 125, 50), (65, 160, 115), (205, 60, 120),
    (90, 190, 235), (170, 120, 80), (215, 195, 45),
)  # fmt: skip

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MapView:
    """One face to draw: its frame uint8 [S, S, 3], its landmarks [468, 2] in units of the frame, its ages.

    ``field_now`` and ``field_wanted`` are age fields in years [S, S]; the latter is None without a request.
    """

    frame: Pixels
    landmarks: NDArray[np.floating]
    now: FaceAges
    field_now: NDArray[np.floating]
    wanted: FaceAges | None = None
    field_wanted: NDArray[np.floating] | None = None


def view_face(
    rgb: Pixels,
    face: Face,
    now: FaceAges,
    request: Request | None = None,
    age_range: tuple[float, float] | None = None,
    size_px: int = 512,
) -> MapView:
    """The view of a face of a photo, uint8 [H, W, 3], that looks ``now`` old, at ``size_px`` px."""
    landmarks = landmarks_unit(face)
    masks = make_region_masks(landmarks, size_px)
    frame = sample_affine(rgb, face.frame.to_photo(size_px), (size_px, size_px))
    wanted, age_field = (
        (None, None) if request is None else wanted_age_field(request, now, masks, 0, age_range)
    )
    return MapView(frame, landmarks, now, build_age_field(masks, now), wanted, age_field)


def draw_views(views: Sequence[MapView]) -> Image.Image:
    """Draw one row per face: present map, wanted map, zones and their ages, with a scale in years."""
    fields = [v for view in views for v in (view.field_now, view.field_wanted) if v is not None]
    span = span_of(min(float(v.min()) for v in fields), max(float(v.max()) for v in fields))
    rows = [_row(view, span) for view in views]
    sheet = Image.new("RGB", (max(r.width for r in rows), sum(r.height for r in rows)), BACKGROUND)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def paint_age_field(
    frame: Pixels, landmarks: NDArray[np.floating], age_field: NDArray[np.floating], span: tuple[int, int]
) -> Pixels:
    """The face in grey, tinted by ages [S, S] in years; uint8 [S, S, 3] like the frame."""
    cover = make_region_masks(landmarks, frame.shape[0]).face[..., None] * np.float32(_STRENGTH)
    grey = np.asarray(Image.fromarray(frame).convert("L"), np.float32)[..., None]
    return np.rint(grey * (1 - cover) + colours_of(age_field, span) * cover).astype(np.uint8)


def paint_zones(frame: Pixels, landmarks: NDArray[np.floating], zones: Sequence[Zone] = ZONES) -> Pixels:
    """The face in grey with the outlines of zones in their colours and, for several, their numbers."""
    size = frame.shape[0] * _SUPERSAMPLE
    canvas = Image.fromarray(frame).convert("L").convert("RGB").resize((size, size))
    tint = canvas.copy()
    points = np.asarray(landmarks)[:, :2] * size
    numbered = [(ZONES.index(zone), polygon) for zone in zones for polygon in zone.polygons]
    for number, polygon in numbered:
        corners = [(float(x), float(y)) for x, y in points[list(polygon)]]
        ImageDraw.Draw(tint).polygon(corners, fill=_HUES[number])
        draw = ImageDraw.Draw(canvas)
        draw.line([*corners, corners[0], corners[1]], fill=_HUES[number], width=size // 190, joint="curve")
    canvas = Image.blend(canvas, tint, 0.25 if len(zones) > 1 else 0.5)
    draw = ImageDraw.Draw(canvas)
    for number, polygon in numbered if len(zones) > 1 else ():
        x, y = points[list(polygon)].mean(axis=0)
        draw.text(
            (x, y), str(number + 1), fill=(255, 255, 255), stroke_fill=INK, stroke_width=size // 300,
            font=font(size // 30), anchor="mm",
        )  # fmt: skip
    return np.asarray(canvas.resize(frame.shape[1::-1], Image.Resampling.LANCZOS))


def _row(view: MapView, span: tuple[int, int]) -> Image.Image:
    """Panels side by side, with the scale and the table of zones on the right."""
    panels = [
        (
            f"now: {face_age(view.now):.0f} years",
            paint_age_field(view.frame, view.landmarks, view.field_now, span),
        )
    ]
    if view.wanted is not None and view.field_wanted is not None:
        painted = paint_age_field(view.frame, view.landmarks, view.field_wanted, span)
        panels.append((f"wanted: {face_age(view.wanted):.0f} years", painted))
    panels.append(("zones", paint_zones(view.frame, view.landmarks)))
    title = 2 * _TEXT
    width = len(panels) * (PANEL_PX + _GAP) + _GAP
    row = Image.new("RGB", (width + 5 * _TEXT + _table_width(view), PANEL_PX + title + 2 * _GAP), BACKGROUND)
    draw = ImageDraw.Draw(row)
    for number, (text, pixels) in enumerate(panels):
        left = _GAP + number * (PANEL_PX + _GAP)
        draw.text((left, _GAP + _TEXT // 2), text, fill=INK, font=font(_TEXT + 2), anchor="lm")
        panel = Image.fromarray(pixels).resize((PANEL_PX, PANEL_PX), Image.Resampling.LANCZOS)
        row.paste(panel, (left, _GAP + title))
    bottom = _GAP + title + PANEL_PX
    draw_scale(row, (width, _GAP + title + _TEXT, width + _TEXT, bottom - _TEXT // 2), span, _TEXT)
    _draw_table(row, view, width + 5 * _TEXT)
    return row


def _columns(view: MapView) -> list[tuple[str, FaceAges]]:
    return [("now", view.now)] + ([] if view.wanted is None else [("wanted", view.wanted)])


def _table_width(view: MapView) -> int:
    return 11 * _TEXT + 5 * _TEXT * len(_columns(view)) + _GAP


def _draw_table(row: Image.Image, view: MapView, left: int) -> None:
    """Number, name and ages of every zone; right and left of a pair are separated by a bar."""
    draw = ImageDraw.Draw(row)
    step = PANEL_PX / (len(ZONES) + 1)
    names_end = left + 11 * _TEXT
    for line in range(-1, len(ZONES) + 1):
        y = _GAP + 2 * _TEXT + (line + 0.5) * step
        for column, (title, ages) in enumerate(_columns(view)):
            text = title if line < 0 else _ages_text(ages, line)
            x = names_end + 5 * _TEXT * (column + 1) - _TEXT
            draw.text((x, y), text, fill=INK, font=font(_TEXT), anchor="rm")
        if 0 <= line < len(ZONES):
            draw.text((left + 1.4 * _TEXT, y), str(line + 1), fill=_HUES[line], font=font(_TEXT), anchor="rm")
        name = "(right | left)" if line < 0 else [*(zone.name for zone in ZONES), "rest of the face"][line]
        draw.text((left + 2 * _TEXT, y), name, fill=INK, font=font(_TEXT), anchor="lm")


def _ages_text(ages: FaceAges, line: int) -> str:
    years = [ages.base] if line == len(ZONES) else [ages.parts[part] for part in ZONES[line].parts]
    return " | ".join(f"{one:.0f}" for one in years)
