"""Contact sheets of the best and the worst cases for the model card, as JPEG files."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from amgan.runtime.pictures.drawing import font

from .cases import Ranking, rankings
from .requests import NOW
from .result import FaceResult

TILE_PX = 152
TITLE_PX = 22
GAP_PX = 8
QUALITY = 78


def make_sheets(faces: Sequence[FaceResult], first: str) -> dict[str, bytes]:
    """The files best.jpg and worst.jpg; ``first`` is the judge whose readings rank the faces."""
    found = rankings(faces, first)
    return {
        "best.jpg": _sheet([(one, one.best) for one in found]),
        "worst.jpg": _sheet([(one, one.worst) for one in found]),
    }


def _sheet(rows: Sequence[tuple[Ranking, Sequence[tuple[FaceResult, str]]]]) -> bytes:
    """One row per measure, with pairs of the unchanged and the aged face."""
    count = max((len(cases) for _, cases in rows), default=1) or 1
    pair = 2 * TILE_PX + GAP_PX
    sheet = Image.new("RGB", (count * pair, len(rows) * (TILE_PX + 2 * TITLE_PX) or 1), "white")
    draw, letters = ImageDraw.Draw(sheet), font(14)
    for line, (ranking, cases) in enumerate(rows):
        top = line * (TILE_PX + 2 * TITLE_PX)
        draw.text((2, top + 4), ranking.title, "black", letters)
        for number, (face, words) in enumerate(cases):
            left = number * pair
            for k, request in enumerate((NOW, ranking.request)):
                tile = Image.fromarray(face.thumbnails[request])
                small = tile.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
                sheet.paste(small, (left + k * TILE_PX, top + TITLE_PX))
            draw.text((left + 2, top + TITLE_PX + TILE_PX + 2), words, "#555555", letters)
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
