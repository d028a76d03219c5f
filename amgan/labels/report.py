"""The report of a labelling run: one self-contained HTML file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amgan.runtime.ages.curves import Curve
from amgan.runtime.face.zones import ZONES, Zone
from amgan.runtime.pages.render import data_url, render_page

from ..faces.tables import SPLITS
from .calibration import WEAK_UNIT

if TYPE_CHECKING:
    from .labelled import LabelledFaces

ENDS = 7
"""Faces shown at each end of a zone."""

CROP_PX = 112
SHOWN_SHARE = 1.7
PLOT_PX, MARGIN_PX = 300, 34
SPAN_PX = PLOT_PX - 44

Floats = NDArray[np.float64]

TEMPLATE = Path(__file__).with_name("report.html")


@dataclass(frozen=True)
class _Figure:
    """A zone of a face: its picture as a URL, the side it is shown with, and the words below it."""

    name: str
    picture: str
    words: str
    side_px: int = CROP_PX


@dataclass(frozen=True)
class _Plot:
    """A plot of apparent against whole-face age: SVG paths and ticks (age, x, y), in px."""

    diagonal: str
    clouds: tuple[tuple[str, str], ...]
    ticks: tuple[tuple[int, int, int], ...]
    side_px: int = PLOT_PX
    margin_px: int = MARGIN_PX
    span_px: int = SPAN_PX


def write_report(path: Path, labelled: LabelledFaces, content: dict[str, Any]) -> None:
    """Write the report of labelled faces; ``content`` is that of labels.json."""
    page = render_page(
        TEMPLATE,
        title="Zone labels",
        faces=len(labelled.faces),
        content=content,
        agreement=_agreement(content),
        plot=_scatter(labelled.ages, labelled.zone_years.mean(axis=1), labelled.held_out),
        tone=_shown(content["tone"]["train"]),
        zones=[_zone(zone, k, labelled, content) for k, zone in enumerate(ZONES)],
    )
    path.write_text(page, encoding="utf-8")


def _agreement(content: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of the table of agreement with whole-face age."""
    head = [text for split in SPLITS for text in (f"{split}: faces", "error, years", "correlation")]
    lines = [("mean of all zones", content["mean_of_zones"]), *content["zones"].items()]
    keys = ("faces", "mean_absolute_error", "correlation")
    rows = [[name, *(_shown(entry[split][key]) for split in SPLITS for key in keys)] for name, entry in lines]
    return ["zone", *head], rows


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _zone(zone: Zone, number: int, labelled: LabelledFaces, content: dict[str, Any]) -> dict[str, Any]:
    """The page's section on a zone: text, plot, and the extreme faces."""
    years = labelled.zone_years[:, number]
    order = np.argsort(years, kind="stable")
    chosen = {
        "youngest here": order[:ENDS],
        "oldest here": order[::-1][:ENDS],
        "oldest against their own face": np.argsort(labelled.ages - years, kind="stable")[:ENDS],
    }
    experts = content["zones"][zone.name]["expert"]
    note = f", expert scores for {experts} faces" if experts else ""
    return {
        "name": zone.name,
        "words": f"{zone.description}{note}. {_curve_words(labelled.calibrated.curves[zone.name])}",
        "plot": _scatter(labelled.ages, years, labelled.held_out),
        "rows": [
            (title, [_figure(labelled, i, zone, years[i]) for i in faces]) for title, faces in chosen.items()
        ],
    }


def _curve_words(curve: Curve) -> str:
    """The usual score at both ends of a zone's curve, in words."""
    (first, last), (low, high) = (curve.ages[0], curve.ages[-1]), (curve.scores[0], curve.scores[-1])
    unit = "" if curve.unit == WEAK_UNIT else f" ({curve.unit})"
    return f"Usual score{unit}: {low:.3g} at {first:g} years, {high:.3g} at {last:g}."


def _figure(labelled: LabelledFaces, number: int, zone: Zone, years: float) -> _Figure:
    face = labelled.faces[number]
    picture = io.BytesIO()
    _crop(face.frame, face.landmarks, zone).save(picture, "JPEG", quality=82)
    return _Figure(face.name, data_url(picture.getvalue(), "jpeg"), f"{years:.0f} (face {face.age:.0f})")


def _crop(frame: NDArray[np.uint8], landmarks: NDArray[np.floating], zone: Zone) -> Image.Image:
    """A square around the zone's parts, their outlines drawn."""
    size = frame.shape[0]
    outlines = [np.asarray(landmarks)[list(polygon)] * size for polygon in zone.polygons]
    points = np.concatenate(outlines)
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) * SHOWN_SHARE / 2, 0.12 * size)
    x, y = (low + high) / 2
    scale = CROP_PX / (2 * half)
    box = (x - half, y - half, x + half, y + half)
    shown = Image.fromarray(frame).transform(
        (CROP_PX, CROP_PX), Image.Transform.EXTENT, box, resample=Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(shown)
    for outline in outlines:
        corners = [((px - box[0]) * scale, (py - box[1]) * scale) for px, py in outline]
        draw.line([*corners, corners[0]], fill=(255, 255, 120), width=1)
    return shown


def _scatter(ages: Floats, years: Floats, held_out: NDArray[np.bool_]) -> _Plot:
    """A plot of apparent against whole-face age, with the line where both agree."""
    low, high = float(min(ages.min(), years.min())), float(max(ages.max(), years.max()))
    scale = SPAN_PX / max(high - low, 1e-9)

    def point(age: float, year: float) -> str:
        return f"{MARGIN_PX + (age - low) * scale:.1f} {10 + SPAN_PX - (year - low) * scale:.1f}"

    return _Plot(
        f"M{point(low, low)}L{point(high, high)}",
        tuple(
            (colour, "".join(f"M{point(a, y)}h0" for a, y in zip(ages[rows], years[rows], strict=True)))
            for rows, colour in ((~held_out, "#27639c"), (held_out, "#d2691e"))
        ),
        tuple(
            (tick, round(MARGIN_PX + (tick - low) * scale), round(14 + SPAN_PX - (tick - low) * scale))
            for tick in range(0, 121, 20)
            if low <= tick <= high
        ),
    )
