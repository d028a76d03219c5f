"""A picture of an atlas: a chart of score over age for every sign."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw

from ..ages.atlas import ZONE_NAMES, Atlas, Curve
from .drawing import BACKGROUND, FAINT, INK, font

_COLUMNS = 5
_WIDTH, _HEIGHT = 250, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 34, 30
_TEXT = 12
_NOTE_CHARACTERS = 180
_CURVE = (38, 96, 160)


def draw_atlas(atlas: Atlas) -> Image.Image:
    """Draw all curves of an atlas, knots as dots, over the ages that it was fitted to."""
    rows = -(-len(ZONE_NAMES) // _COLUMNS)
    units = {curve.unit for curve in atlas.curves.values()}
    axes = f"score ({units.pop()}) against age in years" if len(units) == 1 else "score against age in years"
    notes = textwrap.wrap(f"{axes}; source: {atlas.source}", _NOTE_CHARACTERS)
    head = 26 + (_TEXT + 4) * len(notes)
    sheet = Image.new("RGB", (_COLUMNS * _WIDTH, rows * _HEIGHT + head), BACKGROUND)
    low, high = atlas.ages
    title = f"{atlas.name} {atlas.version}: {atlas.faces} faces of {low:.0f} to {high:.0f} years"
    draw = ImageDraw.Draw(sheet)
    draw.text((12, 16), title, fill=INK, font=font(_TEXT + 4), anchor="lm")
    for line, note in enumerate(notes):
        draw.text((12, 34 + (_TEXT + 4) * line), note, fill=INK, font=font(_TEXT), anchor="lm")
    for number, name in enumerate(ZONE_NAMES):
        corner = (number % _COLUMNS * _WIDTH, head + number // _COLUMNS * _HEIGHT)
        title = f"{name} ({atlas.curves[name].unit})" if units else name
        _draw_chart(draw, corner, title, atlas.curves[name], atlas.ages)
    return sheet


def _draw_chart(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], title: str, curve: Curve, ages: tuple[float, float]
) -> None:
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    right, bottom = corner[0] + _WIDTH - _RIGHT, corner[1] + _HEIGHT - _BOTTOM
    xs = np.linspace(min(ages[0], curve.ages[0]), max(ages[1], curve.ages[-1]), 60)
    ys = np.array([curve.score_of(float(x)) for x in xs])

    def point(age: float, score: float) -> tuple[float, float]:
        across = (age - xs[0]) / (xs[-1] - xs[0])
        up = (score - ys[0]) / (ys[-1] - ys[0])
        return left + float(across) * (right - left), bottom - float(up) * (bottom - top)

    draw.text((left, corner[1] + _TOP // 2), title, fill=INK, font=font(_TEXT), anchor="lm")
    draw.rectangle((left, top, right, bottom), outline=FAINT)
    for tick in range(20, 100, 20):
        if xs[0] <= tick <= xs[-1]:
            x = point(tick, ys[0])[0]
            draw.line([(x, top), (x, bottom)], fill=FAINT)
            draw.text((x, bottom + 10), str(tick), fill=INK, font=font(_TEXT - 1), anchor="mm")
    for score in (ys[0], ys[-1]):
        y = point(xs[0], score)[1]
        draw.text((left - 5, y), f"{score:.3g}", fill=INK, font=font(_TEXT - 1), anchor="rm")
    draw.line([point(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill=_CURVE, width=2)
    for age, score in zip(curve.ages, curve.scores, strict=True):
        x, y = point(age, score)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_CURVE)
