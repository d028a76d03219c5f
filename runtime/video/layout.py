"""Pixel formats of decoded pictures: planes, bit depth, subsampling, colour matrix and range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VideoError

_PLANAR = re.compile(
    r"(yuvj?|yuva)(4[0-4]\d)p(9|10|12|14|16)?(le)?|gray(9|10|12|14|16)?(le)?|gbra?p(\d\d?)?(le)?"
)
_CHROMA = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
#: Packed and other layouts, with the planar layout of the same samples.
_SAME_SAMPLES = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "nv42": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "p012le": "yuv420p12le",
    "p016le": "yuv420p16le",
    "p210le": "yuv422p10le",
    "y210le": "yuv422p10le",
    "p410le": "yuv444p10le",
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgb0": "gbrp",
    "bgr0": "gbrp",
    "0rgb": "gbrp",
    "0bgr": "gbrp",
    "pal8": "gbrap",
    "rgba": "gbrap",
    "bgra": "gbrap",
    "argb": "gbrap",
    "abgr": "gbrap",
    "rgb48le": "gbrp16le",
    "rgb48be": "gbrp16le",
    "bgr48le": "gbrp16le",
    "rgba64le": "gbrap16le",
    "rgba64be": "gbrap16le",
    "ya8": "gray",
    "gray16be": "gray16le",
    "monob": "gray",
    "monow": "gray",
}
_KR_KB = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
_KR_KB |= {9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
HD_ROWS = 720
"""Pictures without a stated matrix have that of BT.709 from this height on, as in players."""
FULL_RANGE = 2


@dataclass(frozen=True)
class Layout:
    """The layout of a planar picture.

    ``kind`` is "yuv", "gray" or "rgb" (planes G, B, R); ``bits`` is the depth of a sample, ``chroma`` (x, y)
    the binary logarithms of the subsampling. ``red`` and ``blue`` are their weights in luma; ``full`` is
    whether the range is full.
    """

    kind: str
    bits: int
    chroma: tuple[int, int]
    red: float
    blue: float
    full: bool

    @property
    def unit(self) -> float:
        """Codes of this depth per 8-bit code: luma and RGB of full range."""
        return ((1 << self.bits) - 1) / 255.0 if self.full else float(1 << (self.bits - 8))

    @property
    def luma(self) -> tuple[float, float]:
        """Code of black, and codes per 1/255 of luma."""
        if self.full:
            return 0.0, self.unit
        return 16.0 * self.unit, 219.0 / 255.0 * self.unit

    @property
    def colour(self) -> tuple[float, float]:
        """Code of neutral chroma, and codes per 1/255 of colour difference."""
        middle = float(1 << (self.bits - 1))
        return middle, self.unit if self.full else 224.0 / 255.0 * self.unit

    @cached_property
    def to_rgb(self) -> NDArray[np.float32]:
        """The affine map [3, 4] from the samples of a pixel, plane by plane, to its RGB, 0 to 255."""
        if self.kind == "rgb":
            return np.eye(3, 4, dtype=np.float32)[[2, 0, 1]] / np.float32(self.unit)
        black, luma = self.luma
        middle, colour = self.colour
        red, blue = 2.0 * (1.0 - self.red), 2.0 * (1.0 - self.blue)
        green = 1.0 - self.red - self.blue
        turned = np.array(
            [[1.0, 0.0, red], [1.0, -self.blue * blue / green, -self.red * red / green], [1.0, blue, 0.0]]
        )
        if self.kind == "gray":
            turned, colour = np.eye(3), luma
            middle = black
        scaled = turned / [luma, colour, colour]
        return np.column_stack([scaled, -scaled @ [black, middle, middle]]).astype(np.float32)


def planar_name(pix_fmt: str) -> str:
    """The planar layout with the samples of a layout; raises VideoError if none is known."""
    name = _SAME_SAMPLES.get(pix_fmt, pix_fmt)
    if not _PLANAR.fullmatch(name):
        raise VideoError(
            f"samples of kind '{pix_fmt}' cannot be changed: make it yuv420p or yuv422p10 with ffmpeg first"
        )
    return name


def layout_of(pix_fmt: str, colorspace: int, color_range: int, height: int) -> Layout:
    """The layout of a planar pixel format, with colours in FFmpeg's numbers; raises VideoError."""
    name = planar_name(pix_fmt)
    found = _PLANAR.fullmatch(name)
    assert found is not None
    if name.startswith("gb"):
        return Layout("rgb", int(found[7] or 8), (0, 0), 0.299, 0.114, True)
    if colorspace in _KR_KB:
        red, blue = _KR_KB[colorspace]
    else:
        red, blue = _KR_KB[1 if height >= HD_ROWS else 6]
    if name.startswith("gray"):
        return Layout("gray", int(found[5] or 8), (0, 0), red, blue, color_range != 1)
    full = color_range == FULL_RANGE or found[1] == "yuvj"
    return Layout("yuv", int(found[3] or 8), _CHROMA[found[2]], red, blue, full)


def layout_of_frame(frame: Any) -> Layout:
    """The layout of a decoded frame of PyAV; raises VideoError."""
    return layout_of(frame.format.name, frame.colorspace, frame.color_range, frame.height)
