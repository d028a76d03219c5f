"""Contact sheets of randomly drawn faces, before and after, for a visual count of faults."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from amgan.runtime.pictures.drawing import font

FACES = 60
TILE_PX = 320
ACROSS, DOWN = 3, 4
_GAP_PX, _TITLE_PX = 12, 24
_TILE_QUALITY, _SHEET_QUALITY = 95, 90


@dataclass(frozen=True)
class Look:
    """One face for visual inspection: name, kind (synthetic, real, ...), request, and two pictures.

    ``before`` and ``after`` are JPEG of TILE_PX px.
    """

    name: str
    kind: str
    asked: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Drawn:
    """A face on a sheet: ``sheet`` is the file name, ``number`` its position from 1, row by row."""

    look: Look
    sheet: str
    number: int


def encode_tile(pixels: NDArray[np.uint8]) -> bytes:
    """A square picture uint8 [S, S, 3] as JPEG."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=_TILE_QUALITY, subsampling=0)
    return written.getvalue()


def draw_sample(looks: Sequence[Look], count: int = FACES, seed: int = 0) -> list[Drawn]:
    """Draw ``count`` faces of every kind at random and assign them to sheets.

    The same seed and names draw the same faces. No sheet mixes kinds, so that sheets of real people can be
    kept private.
    """
    found = []
    for kind in sorted({one.kind for one in looks}):
        some = sorted((one for one in looks if one.kind == kind), key=lambda one: one.name)
        chosen = np.random.default_rng(seed).permutation(len(some))[:count]
        for index, k in enumerate(chosen):
            sheet, position = divmod(index, ACROSS * DOWN)
            found.append(Drawn(some[k], f"look-{kind}-{sheet + 1}.jpg", position + 1))
    return found


def make_looks(drawn: Sequence[Drawn]) -> dict[str, bytes]:
    """The sheets by file name, JPEG: twelve faces each, before at the left, after at the right."""
    sheets: dict[str, bytes] = {}
    for name in dict.fromkeys(one.sheet for one in drawn):
        sheets[name] = _sheet([one for one in drawn if one.sheet == name])
    return sheets


def _sheet(drawn: Sequence[Drawn]) -> bytes:
    pair, row = 2 * TILE_PX + _GAP_PX, TILE_PX + _TITLE_PX
    rows = -(-max(one.number for one in drawn) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * pair - _GAP_PX, rows * row), "white")
    draw, letters = ImageDraw.Draw(sheet), font(15)
    for one in drawn:
        down, across = divmod(one.number - 1, ACROSS)
        left, top = across * pair, down * row
        draw.text((left + 2, top + 4), f"{one.number}: {one.look.name}, {one.look.asked}", "black", letters)
        for k, tile in enumerate((one.look.before, one.look.after)):
            with Image.open(io.BytesIO(tile)) as picture:
                sheet.paste(picture, (left + k * TILE_PX, top + _TITLE_PX))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=_SHEET_QUALITY)
    return written.getvalue()
