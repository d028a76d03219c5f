"""A decoded picture: conversion of parts to RGB, and changes added to its own samples.

Only changed samples are written: all others stay identical to the decoder's. A change is added in 8-bit code
values with fractions, so a picture of higher depth keeps its depth inside the face as well.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .layout import Layout, layout_of_frame

Box = tuple[int, int, int, int]
THUMB_ROWS, THUMB_COLUMNS = 36, 64


class Picture(Protocol):
    """A picture of a video or of a folder of frames."""

    @property
    def width(self) -> int:
        """Width in px, as stored."""

    @property
    def height(self) -> int:
        """Height in px, as stored."""

    def rgb(self, box: Box | None = None, factor: int = 1) -> NDArray[np.uint8]:
        """A part of it, uint8 [h, w, 3] sRGB; ``box`` x0, y0, x1, y1 is inside the picture.

        ``factor`` reduces width and height, rounded down.
        """

    def thumb(self) -> NDArray[np.float32]:
        """Thumbnail of its lightness for cut detection, float32 [THUMB_ROWS, THUMB_COLUMNS] 0..1."""

    def add(self, x0: int, y0: int, change: NDArray[np.float32]) -> None:
        """Add a change, float32 [h, w, 3] in code values of 8-bit sRGB, from pixel x0, y0 on."""


class VideoPicture:
    """A picture in the planes of a frame of PyAV, whose layout is one of layout.py."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.layout: Layout = layout_of_frame(frame)
        self._own = False

    @property
    def width(self) -> int:
        """Width in px, as stored."""
        return int(self.frame.width)

    @property
    def height(self) -> int:
        """Height in px, as stored."""
        return int(self.frame.height)

    def thumb(self) -> NDArray[np.float32]:
        """Thumbnail of the first plane, float32 [THUMB_ROWS, THUMB_COLUMNS] 0..1."""
        return small_thumb(self._plane(0), float((1 << self.layout.bits) - 1))

    def rgb(self, box: Box | None = None, factor: int = 1) -> NDArray[np.uint8]:
        """A part of it, uint8 [h, w, 3], ``factor`` times smaller."""
        x0, y0, x1, y1 = box or (0, 0, self.width, self.height)
        if factor > 1:
            x1, y1 = x0 + (x1 - x0) // factor * factor, y0 + (y1 - y0) // factor * factor
        part = (slice(y0, y1), slice(x0, x1))
        first = _reduced(self._plane(0)[part], factor)
        if self.layout.kind == "gray":
            return _in_colour(cv2.merge([first] * 3), self.layout.to_rgb)
        if self.layout.kind == "rgb":  # planes of green, blue, red
            others = [_reduced(self._plane(i)[part], factor) for i in (1, 2)]
        else:
            colour = self._colour if factor == 1 else self._colour_reduced
            others = [colour(i, (x0, y0, x1, y1), first.shape) for i in (1, 2)]
        return _in_colour(cv2.merge([first, *others]), self.layout.to_rgb)

    def add(self, x0: int, y0: int, change: NDArray[np.float32]) -> None:
        """Add a change, float32 [h, w, 3] in code values of 8-bit sRGB, from pixel x0, y0 on."""
        if not change.any():
            return
        if not self._own:
            self.frame.make_writable()
            self._own = True
        layout = self.layout
        red, green, blue = cv2.split(change)
        if layout.kind == "rgb":
            for number, channel in ((0, green), (1, blue), (2, red)):
                self._add_to(number, x0, y0, channel * np.float32(layout.unit))
            return
        green_weight = 1.0 - layout.red - layout.blue
        weights = np.array([[layout.red, green_weight, layout.blue]], np.float32)
        luma = cv2.transform(change, weights)
        self._add_to(0, x0, y0, luma * np.float32(layout.luma[1]))
        if layout.kind == "gray":
            return
        for number, channel, weight in ((1, blue, layout.blue), (2, red, layout.red)):
            difference = (channel - luma) * np.float32(layout.colour[1] / (2 * (1 - weight)))
            x, y, coarse = _block_means(difference, x0, y0, layout.chroma)
            self._add_to(number, x, y, coarse)

    def _plane(self, number: int) -> NDArray[Any]:
        plane = self.frame.planes[number]
        kind = np.dtype(np.uint8 if self.layout.bits == 8 else "<u2")
        rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
        return rows[:, : plane.width]

    def _colour_reduced(self, number: int, box: Box, shape: tuple[int, ...]) -> NDArray[Any]:
        """Chroma samples of a part of the picture, averaged down to ``shape``.

        If the part begins between two samples, the result is shifted by up to one pixel.
        """
        x0, y0, x1, y1 = box
        right, down = self.layout.chroma
        part = self._plane(number)[y0 >> down : ((y1 - 1) >> down) + 1, x0 >> right : ((x1 - 1) >> right) + 1]
        size = (shape[1], shape[0])
        return np.asarray(cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA))

    def _colour(self, number: int, box: Box, shape: tuple[int, ...]) -> NDArray[Any]:
        """Chroma samples of a part of the picture, of this ``shape``, at full resolution."""
        x0, y0, x1, y1 = box
        right, down = self.layout.chroma
        plane = self._plane(number)
        if not (right or down):
            return plane[y0:y1, x0:x1]
        # One sample more on every side, so that a part gets the same samples as the whole picture.
        left, top = max((x0 >> right) - 1, 0), max((y0 >> down) - 1, 0)
        part = plane[top : ((y1 - 1) >> down) + 2, left : ((x1 - 1) >> right) + 2]
        size = (part.shape[1] << right, part.shape[0] << down)
        fine = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_LINEAR)
        x, y = x0 - (left << right), y0 - (top << down)
        return np.asarray(fine[y : y + y1 - y0, x : x + x1 - x0])

    def _add_to(self, number: int, x0: int, y0: int, change: NDArray[np.float32]) -> None:
        plane = self._plane(number)
        part = plane[y0 : y0 + change.shape[0], x0 : x0 + change.shape[1]]
        steps = np.rint(change[: part.shape[0], : part.shape[1]]).astype(np.int32)
        total = np.clip(part + steps, 0, (1 << self.layout.bits) - 1)
        part[...] = total.astype(part.dtype)


def small_thumb(plane: NDArray[Any], most: float) -> NDArray[np.float32]:
    """Thumbnail of a plane [H, W] of samples 0..``most``: float32 [THUMB_ROWS, THUMB_COLUMNS] 0..1."""
    step = max(min(plane.shape[0] // (4 * THUMB_ROWS), plane.shape[1] // (4 * THUMB_COLUMNS)), 1)
    part = np.ascontiguousarray(plane[::step, ::step]).astype(np.float32)
    small = cv2.resize(part, (THUMB_COLUMNS, THUMB_ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(1.0 / most), np.float32)


def _reduced(plane: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average a plane, whose sides are multiples of ``factor``, down by it."""
    if factor == 1:
        return plane
    size = (plane.shape[1] // factor, plane.shape[0] // factor)
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_AREA))


def _in_colour(samples: Any, to_rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert samples [h, w, 3] to RGB by an affine map [3, 4], rounded and clipped to 0..255."""
    if np.array_equal(to_rgb[:, :3], np.eye(3)) and samples.dtype == np.uint8:
        return np.asarray(samples)
    if samples.dtype == np.uint8:  # OpenCV rounds, and stays within a byte
        return np.asarray(cv2.transform(samples, to_rgb), np.uint8)
    found = np.asarray(cv2.transform(samples.astype(np.float32), to_rgb), np.float32)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


def _block_means(
    plane: NDArray[np.float32], x0: int, y0: int, chroma: tuple[int, int]
) -> tuple[int, int, NDArray[np.float32]]:
    """Means over the blocks of pixels that share a chroma sample: the position x, y, and the means."""
    right, down = chroma
    if not (right or down):
        return x0, y0, plane
    width, height = 1 << right, 1 << down
    left, top = x0 % width, y0 % height
    rows, columns = plane.shape
    padded = cv2.copyMakeBorder(
        plane, top, -(top + rows) % height, left, -(left + columns) % width, cv2.BORDER_CONSTANT, value=0
    )
    size = (padded.shape[1] // width, padded.shape[0] // height)
    return (
        x0 >> right,
        y0 >> down,
        np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32),
    )


class StillPicture:
    """A picture in memory, uint8 [H, W, 3] sRGB; changes are added to ``pixels`` in place."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.changed = False

    @property
    def width(self) -> int:
        """Width in px."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in px."""
        return int(self.pixels.shape[0])

    def thumb(self) -> NDArray[np.float32]:
        """Thumbnail of the green channel."""
        return small_thumb(self.pixels[..., 1], 255.0)

    def rgb(self, box: Box | None = None, factor: int = 1) -> NDArray[np.uint8]:
        """A part of it, uint8 [h, w, 3], ``factor`` times smaller."""
        x0, y0, x1, y1 = box or (0, 0, self.width, self.height)
        if factor > 1:
            x1, y1 = x0 + (x1 - x0) // factor * factor, y0 + (y1 - y0) // factor * factor
        return np.ascontiguousarray(_reduced(self.pixels[y0:y1, x0:x1], factor))

    def add(self, x0: int, y0: int, change: NDArray[np.float32]) -> None:
        """Add a change, float32 [h, w, 3] in code values, from pixel x0, y0 on."""
        part = self.pixels[y0 : y0 + change.shape[0], x0 : x0 + change.shape[1]]
        moved = change[: part.shape[0], : part.shape[1]]
        part[...] = np.clip(np.rint(part + moved), 0, 255).astype(np.uint8)
        self.changed = True
