"""Drawing functions of the pictures: colours of ages, text, a scale. Pillow only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (255, 255, 255)
INK = (30, 30, 34)
FAINT = (205, 205, 210)

_COLOURS = np.array(
    [
        (44, 36, 110),
        (38, 96, 160),
        (40, 150, 150),
        (110, 190, 110),
        (215, 205, 80),
        (240, 145, 60),
        (190, 40, 50),
    ],
    np.float32,
)

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def font(size_px: int) -> Font:
    """Pillow's default font at about this height in px."""
    return ImageFont.load_default(size_px)


def span_of(lowest: float, highest: float) -> tuple[int, int]:
    """The range of ages rounded outwards to tens of years, at least thirty years wide."""
    low, high = 10 * math.floor(lowest / 10), 10 * math.ceil(highest / 10)
    while high - low < 30:
        low, high = max(0, low - 10), high + 10
    return low, high


def colours_of(years: NDArray[np.floating], span: tuple[int, int]) -> NDArray[np.float32]:
    """Colours float32 [..., 3], 0..255, from deep blue (youngest) over green to red (oldest)."""
    at = (np.asarray(years, np.float64) - span[0]) / (span[1] - span[0]) * (len(_COLOURS) - 1)
    knots = np.arange(len(_COLOURS))
    return np.stack([np.interp(at, knots, _COLOURS[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def draw_scale(
    canvas: Image.Image, box: tuple[int, int, int, int], span: tuple[int, int], text_px: int
) -> None:
    """An upright colour scale in ``box`` (left, top, right, bottom), oldest on top, with ticks in years."""
    left, top, right, bottom = box
    rows = np.linspace(span[1], span[0], bottom - top)
    strip = np.repeat(colours_of(rows, span)[:, None], right - left, axis=1)
    canvas.paste(Image.fromarray(np.rint(strip).astype(np.uint8)), (left, top))
    draw = ImageDraw.Draw(canvas)
    step = 10 if span[1] - span[0] <= 60 else 20
    for years in range(span[0], span[1] + 1, step):
        y = bottom - (years - span[0]) / (span[1] - span[0]) * (bottom - top)
        draw.line([(right, y), (right + text_px // 3, y)], fill=INK)
        draw.text((right + text_px // 2, y), str(years), fill=INK, font=font(text_px), anchor="lm")
    draw.text((left, top - text_px), "years", fill=INK, font=font(text_px), anchor="lm")
