"""A photo with numbered boxes around its faces, as counted by `--face`. Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .drawing import BACKGROUND, INK, font

if TYPE_CHECKING:
    from ..face.finder import Face

FRAME = (255, 196, 0)


def draw_numbers(rgb: NDArray[np.uint8], faces: Sequence[Face]) -> Image.Image:
    """A photo, uint8 [H, W, 3], with a box and a number from 1 on for each face, in the order given."""
    picture = Image.fromarray(rgb)
    draw = ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 400))
    for number, face in enumerate(faces, start=1):
        x0, y0, x1, y1 = face.box
        draw.rectangle((x0, y0, x1, y1), outline=FRAME, width=line)
        text = font(max(14, round(0.22 * face.width_px)))
        label = draw.textbbox((x0, y0), str(number), font=text, stroke_width=line)
        draw.rectangle(label, fill=INK)
        draw.text((x0, y0), str(number), fill=BACKGROUND, font=text, stroke_width=line, stroke_fill=INK)
    return picture
