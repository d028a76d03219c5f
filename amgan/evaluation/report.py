"""The report of an evaluation: one self-contained HTML file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.pages.render import data_url, render_page

from .belief_tables import belief_tables
from .cases import Ranking, rankings
from .plots import TITLES
from .requests import NOW
from .result import FaceResult
from .tables import band_table, zone_table
from .targets import target_results

FACES = 12
QUALITY = 84
ROW_PX, CASE_PX = 158, 224
ROW = (NOW, "25", "40", "50", "60", "70", "75")

TEMPLATE = Path(__file__).with_name("report.html")


@dataclass(frozen=True)
class _Figure:
    """A face in the page: its picture as a data URL, displayed width in px, and caption lines."""

    name: str
    picture: str
    side_px: int
    lines: tuple[str, ...]


def make_report(result: Mapping[str, Any], faces: Sequence[FaceResult], drawings: Mapping[str, bytes]) -> str:
    """The whole page; ``drawings`` is the result of plots.draw_all."""
    first = result["judges"][0]["name"]
    chosen = np.linspace(0, len(faces) - 1, min(FACES, len(faces))).astype(int)
    return render_page(
        TEMPLATE,
        title=f"Evaluation of {result['bundle']['model']}",
        result=result,
        target_results=target_results(result),
        belief=belief_tables(result),
        drawings=[(TITLES[name], data_url(png, "png")) for name, png in drawings.items()],
        first=first,
        rows=[[_figure(faces[k], request, first) for request in ROW] for k in chosen],
        cases=[_case(one, first) for one in rankings(faces, first)],
        ages=band_table(result["age_bands"], first),
        skin=band_table(result["skin_bands"], first),
        zones=zone_table(result["all"]["zones"]),
    )


def _case(ranking: Ranking, first: str) -> dict[str, Any]:
    ends = (("best", ranking.best), ("worst", ranking.worst))
    return {
        "title": ranking.title,
        "ends": [(title, _pairs(ranking, chosen, first)) for title, chosen in ends],
    }


def _pairs(
    ranking: Ranking, chosen: Sequence[tuple[FaceResult, str]], first: str
) -> list[tuple[_Figure, _Figure]]:
    return [
        (_figure(face, NOW, first, CASE_PX), _figure(face, ranking.request, first, CASE_PX, words))
        for face, words in chosen
    ]


def _figure(face: FaceResult, request: str, first: str, side_px: int = ROW_PX, more: str = "") -> _Figure:
    read = face.readings[first][request]
    if request == NOW:
        lines = (face.name, f"now, reads {read:.0f}")
    else:
        lines = (f"asked {request}, reads {read:.0f}", f"distance {face.distances[request]:.2f}")
    picture = data_url(_jpeg(face.thumbnails[request]), "jpeg")
    return _Figure(f"{face.name} {request}", picture, side_px, (*lines, more) if more else lines)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
