"""The report of an evaluation: one HTML file that needs nothing else, to be judged by eye."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from string import Template as Text
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .aims import verdicts
from .belief_tables import belief_section
from .cases import Ranking, rankings
from .plots import TITLES
from .result import FaceResult
from .tables import band_table, zone_table
from .wishes import NOW

FACES = 12
QUALITY = 84
ROW_PX, CASE_PX = 158, 224
ROW = (NOW, "25", "40", "50", "60", "70", "75")

_PAGE = Text("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evaluation of $model</title><style>
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1240px;padding:0 1em;color:#222}
h2{margin:2em 0 .3em}table{border-collapse:collapse}td,th{padding:.2em .7em;text-align:right}
th{border-bottom:1px solid #999}td:first-child,th:first-child{text-align:left}.note{color:#555}
.yes{color:#17703a}.no{color:#b3261e}figure{display:inline-block;margin:0 3px 6px 0;vertical-align:top}
figcaption{font-size:12px;text-align:center;color:#555}figure img{display:block;border-radius:4px}
.two{display:flex;gap:2em;flex-wrap:wrap}.two>div{flex:1 1 540px}.row{white-space:nowrap}
</style></head><body>
<h1>Evaluation of $model</h1>
<p>$faces faces ($source), $date, $machine. Weights $weights. Numbers are means with their standard error over
faces.$missing</p>
<h2>Aims</h2>$aims
<h2>Belief</h2>$belief<!-- faults -->
<h2>Judges</h2>$judges
<h2>Drawings</h2><div class="two">$plots</div>
<h2>Faces, evenly chosen</h2><p class="note">Under each: age asked, age that $first reads, distance.</p>$rows
<h2>Best and worst</h2><p class="note">Left the unchanged face, right the aged one.</p>$cases
<h2>By age read now</h2>$ages
<h2>By lightness of skin in the picture</h2><p class="note">Bands of the individual typology angle of the
picture; they depend on the light and say nothing of anybody's origin.</p>$skin
<h2>By zone</h2><p class="note">One zone asked for alone: share of the absolute change inside its soft
footprint, and correlation of fine detail on the rest of the face.</p>$zones
<p class="note">This file shows faces: treat it as you treat the photos.</p>
</body></html>
""")


def make_report(result: Mapping[str, Any], faces: Sequence[FaceResult], drawings: Mapping[str, bytes]) -> str:
    """The whole page; ``drawings`` are what plots.draw_all makes."""
    first = result["judges"][0]["name"]
    missing = result["faces_not_found"]
    chosen = np.linspace(0, len(faces) - 1, min(FACES, len(faces))).astype(int)
    return _PAGE.substitute(
        model=html.escape(result["bundle"]["model"]),
        faces=result["faces_measured"],
        source=html.escape(result["source"]),
        date=result["date"][:10],
        machine=html.escape(f"{result['hardware']['cpu']}, {result['hardware']['cores']} cores"),
        weights=result["bundle"]["checkpoint_sha256"][:12],
        missing=f" No face was found in {len(missing)} more pictures." if missing else "",
        aims=aims_table(result),
        belief=belief_section(result),
        judges=_judges(result["judges"]),
        plots="".join(
            f"<div><h3>{TITLES[name]}</h3><img alt='{TITLES[name]}' src='{_data(png, 'png')}'></div>"
            for name, png in drawings.items()
        ),
        first=html.escape(first),
        rows="".join(_row(faces[k], first) for k in chosen),
        cases="".join(_case(one, first) for one in rankings(faces, first)),
        ages=band_table(result["age_bands"], first),
        skin=band_table(result["skin_bands"], first),
        zones=zone_table(result["all"]["zones"]),
    )


def aims_table(result: Mapping[str, Any]) -> str:
    """What was aimed for, and what was found."""
    lines = "".join(
        f"<tr><td>{html.escape(one.text)}</td><td>{one.found}</td><td>{one.wanted}</td>"
        + ("<td class='yes'>reached</td></tr>" if one.reached else "<td class='no'>not reached</td></tr>")
        for one in verdicts(result)
    )
    return f"<table><tr><th>measure</th><th>found</th><th>aim</th><th></th></tr>{lines}</table>"


def _judges(judges: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for judge in judges:
        noise = judge.get("noise_years")
        words = (
            f" Readings of one face moved by a pixel or two, or mirrored, scatter by {noise:.1f} years."
            if noise is not None
            else ""
        )
        lines.append(f"<li><b>{html.escape(judge['name'])}</b>: {html.escape(judge['note'])}{words}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _row(face: FaceResult, first: str) -> str:
    figures = "".join(_figure(face, request, _words(face, request, first)) for request in ROW)
    return f"<div class='row'>{figures}</div>"


def _case(ranking: Ranking, first: str) -> str:
    parts = [f"<h3>{html.escape(ranking.title)}</h3><div class='two'>"]
    for title, chosen in (("best", ranking.best), ("worst", ranking.worst)):
        rows = "".join(
            "<div class='row'>"
            + _figure(face, NOW, _words(face, NOW, first), CASE_PX)
            + _figure(face, ranking.request, f"{_words(face, ranking.request, first)}<br>{words}", CASE_PX)
            + "</div>"
            for face, words in chosen
        )
        parts.append(f"<div><div class='note'>{title}</div>{rows}</div>")
    return "".join(parts) + "</div>"


def _words(face: FaceResult, request: str, first: str) -> str:
    read = face.readings[first][request]
    if request == NOW:
        return f"{html.escape(face.name)}<br>now, reads {read:.0f}"
    return f"asked {request}, reads {read:.0f}<br>distance {face.distances[request]:.2f}"


def _figure(face: FaceResult, request: str, words: str, side_px: int = ROW_PX) -> str:
    name = html.escape(f"{face.name} {request}", quote=True)
    picture = _data(_jpeg(face.thumbnails[request]), "jpeg")
    image = f"<img width='{side_px}' alt='{name}' src='{picture}'>"
    return f"<figure>{image}<figcaption>{words}</figcaption></figure>"


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
