"""The report of a labelling run: one HTML file that needs nothing else, to be judged by eye."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from string import Template as Text
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amgan.runtime.ages.curves import Curve
from amgan.runtime.face.zones import ZONES, Zone

from ..faces.tables import SPLITS
from .calibration import WEAK_UNIT

if TYPE_CHECKING:
    from .labelled import LabelledFaces

ENDS = 7
"""Faces shown at each end of a zone."""

CROP_PX = 112
SHOWN_SHARE = 1.7
PLOT_PX = 300

Floats = NDArray[np.float64]

_PAGE = Text("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Zone labels</title><style>
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1180px;padding:0 1em;color:#222}
h2{margin:2em 0 .3em}table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:right}
th{border-bottom:1px solid #999}td:first-child,th:first-child{text-align:left}
.zone{display:flex;gap:1.5em;align-items:flex-start}figure{display:inline-block;margin:0 4px 6px 0}
figcaption{font-size:12px;text-align:center;color:#555}img{display:block;border-radius:4px}
svg{background:#fafafa;border:1px solid #ddd;flex:none}.note{color:#555}
</style></head><body>
<h1>Zone labels</h1>
<p>$used faces were labelled, seed $seed, $folds folds. Every number below is of faces that the zone's
regressor had not seen: training faces out of fold, held-out ones by regressors trained on the training faces.
Whole-face ages are those of $source; they are estimates of apparent age or have errors of their own.</p>
<h2>Faces left out</h2>$left_out
<h2>Agreement with whole-face age</h2><div class="zone">$table$plot</div>
<p class="note">Plot: mean of all zones. Its correlation with the lightness of skin, among training faces of
one age: $tone.</p>
$zones
<p class="note">This file shows faces: treat it as you treat the photos.</p>
</body></html>
""")


def write_report(path: Path, labelled: LabelledFaces, content: dict[str, Any]) -> None:
    """Write the report of labelled faces; ``content`` is what labels.json holds."""
    sections = [_zone_section(zone, k, labelled, content) for k, zone in enumerate(ZONES)]
    page = _PAGE.substitute(
        used=len(labelled.faces),
        seed=content["seed"],
        folds=content["folds"],
        source=html.escape(content["ages_table"]),
        left_out=_left_out(content["left_out"]),
        table=_agreement_table(content),
        plot=_scatter(labelled.ages, labelled.zone_years.mean(axis=1), labelled.held_out),
        tone=_shown(content["tone"]["train"]),
        zones="\n".join(sections),
    )
    path.write_text(page, encoding="utf-8")


def _left_out(counts: dict[str, int]) -> str:
    if not counts:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(reason)}</td><td>{count}</td></tr>" for reason, count in counts.items()
    )
    return f"<table><tr><th>reason</th><th>faces</th></tr>{rows}</table>"


def _agreement_table(content: dict[str, Any]) -> str:
    head = "".join(f"<th>{split}: faces</th><th>error, years</th><th>correlation</th>" for split in SPLITS)
    lines = [("mean of all zones", content["mean_of_zones"]), *content["zones"].items()]
    body = "".join(
        f"<tr><td>{name}</td>{''.join(_agreement_cells(entry[split]) for split in SPLITS)}</tr>"
        for name, entry in lines
    )
    return f"<table><tr><th>zone</th>{head}</tr>{body}</table>"


def _agreement_cells(found: dict[str, Any]) -> str:
    texts = (found["faces"], found["mean_absolute_error"], found["correlation"])
    return "".join(f"<td>{_shown(value)}</td>" for value in texts)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _zone_section(zone: Zone, number: int, labelled: LabelledFaces, content: dict[str, Any]) -> str:
    curve = labelled.calibrated.curves[zone.name]
    years = labelled.zone_years[:, number]
    order = np.argsort(years, kind="stable")
    rows = [
        f"<div class='note'>{title}</div>" + "".join(_figure(labelled, i, zone, years[i]) for i in chosen)
        for title, chosen in (
            ("youngest here", order[:ENDS]),
            ("oldest here", order[::-1][:ENDS]),
            ("oldest against their own face", np.argsort(labelled.ages - years, kind="stable")[:ENDS]),
        )
    ]
    experts = content["zones"][zone.name]["expert"]
    note = f", expert scores for {experts} faces" if experts else ""
    plot = _scatter(labelled.ages, years, labelled.held_out)
    return (
        f"<h2>{zone.name}</h2>"
        f"<p class='note'>{html.escape(zone.description)}{note}. {_curve_words(curve)}</p>"
        f"<div class='zone'>{plot}<div>{''.join(rows)}</div></div>"
    )


def _curve_words(curve: Curve) -> str:
    """The zone's curve in words: the usual score at its two ends."""
    (first, last), (low, high) = (curve.ages[0], curve.ages[-1]), (curve.scores[0], curve.scores[-1])
    unit = "" if curve.unit == WEAK_UNIT else f" ({html.escape(curve.unit)})"
    return f"Usual score{unit}: {low:.3g} at {first:g} years, {high:.3g} at {last:g}."


def _figure(labelled: LabelledFaces, number: int, zone: Zone, years: float) -> str:
    face = labelled.faces[number]
    picture = io.BytesIO()
    _crop(face.frame, face.landmarks, zone).save(picture, "JPEG", quality=82)
    data = base64.b64encode(picture.getvalue()).decode()
    return (
        f"<figure><img width='{CROP_PX}' height='{CROP_PX}' alt='{html.escape(face.name, quote=True)}' "
        f"src='data:image/jpeg;base64,{data}'>"
        f"<figcaption>{years:.0f} (face {face.age:.0f})</figcaption></figure>"
    )


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


def _scatter(ages: Floats, years: Floats, held_out: NDArray[np.bool_]) -> str:
    """A plot of apparent against whole-face age, with the line where both agree."""
    low, high = float(min(ages.min(), years.min())), float(max(ages.max(), years.max()))
    margin, span = 34, PLOT_PX - 44
    scale = span / max(high - low, 1e-9)

    def place(age: float, year: float) -> str:
        return f"{margin + (age - low) * scale:.1f} {10 + span - (year - low) * scale:.1f}"

    ticks = [t for t in range(0, 121, 20) if low <= t <= high]
    marks = "".join(
        f"<text x='{margin + (t - low) * scale:.0f}' y='{PLOT_PX - 18}' text-anchor='middle'>{t}</text>"
        f"<text x='{margin - 5}' y='{14 + span - (t - low) * scale:.0f}' text-anchor='end'>{t}</text>"
        for t in ticks
    )
    clouds = "".join(
        f"<path d='{''.join(f'M{place(a, y)}h0' for a, y in zip(ages[rows], years[rows], strict=True))}' "
        f"stroke='{colour}' stroke-opacity='.55' stroke-width='4' stroke-linecap='round'/>"
        for rows, colour in ((~held_out, "#27639c"), (held_out, "#d2691e"))
    )
    return (
        f"<svg width='{PLOT_PX}' height='{PLOT_PX}' font-size='11' role='img' aria-label='apparent against "
        f"whole-face age'><path d='M{place(low, low)}L{place(high, high)}' stroke='#999'/>{clouds}{marks}"
        f"<text x='{margin + span / 2}' y='{PLOT_PX - 4}' text-anchor='middle'>"
        f"age of the face; orange: held out</text>"
        f"<text transform='translate(10 {10 + span / 2}) rotate(-90)' text-anchor='middle'>"
        f"apparent age here</text></svg>"
    )
