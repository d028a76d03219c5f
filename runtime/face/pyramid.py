"""An image pyramid for the face detector, computed on demand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .reduction import reduce_blocks, reduce_to

HALVE_FROM = 1.3


class Pyramid:
    """A photo, uint8 [H, W, 3], and its smaller copies; not thread-safe."""

    def __init__(self, rgb: NDArray[np.uint8], quarter_turns: int = 0) -> None:
        """Of np.rot90(rgb, quarter_turns)."""
        sides = rgb.shape[:2]
        self.height, self.width = sides if quarter_turns % 2 == 0 else sides[::-1]
        self._turns = quarter_turns
        self._halved = [rgb]  # each half as wide as the one before, all in the photo's orientation
        self._copies: dict[float, NDArray[np.uint8]] = {}

    def turned(self, quarter_turns: int) -> Pyramid:
        """The pyramid of the photo rotated counter-clockwise; shares the copies."""
        other = Pyramid(self._halved[0], quarter_turns)
        other._halved = self._halved
        return other

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point (x, y) lies in the photo."""
        return 0 <= point[0] < self.width and 0 <= point[1] < self.height

    def level(self, scale: float) -> NDArray[np.uint8]:
        """The whole photo at ``scale`` copy px per photo px; cached."""
        if scale not in self._copies:
            self._copies[scale] = self._resized(self._source(scale), scale)
        return self._copies[scale]

    def cut(self, x: float, y: float, side: float, size_px: int) -> NDArray[np.uint8]:
        """The square of ``side`` px around the point (x, y), as at most ``size_px`` px each way.

        The part outside the photo is cut off on the right and below, and black on the left and above.
        """
        scale = size_px / side
        source = self._source(scale)
        ratio = self._turned_width(source) / self.width
        if self._turns:
            source = np.rot90(source, self._turns)
        begins = np.rint([(x - side / 2) * ratio, (y - side / 2) * ratio]).astype(int)
        ends = np.rint([(x + side / 2) * ratio, (y + side / 2) * ratio]).astype(int)
        left, top = np.maximum(begins, 0)
        part = source[top : max(ends[1], top + 1), left : max(ends[0], left + 1)]
        missing = np.maximum(-begins, 0)
        if missing.any():
            part = np.pad(part, ((missing[1], 0), (missing[0], 0), (0, 0)))
        return self._resized(part, scale / ratio, turned=True)[:size_px, :size_px]

    def _source(self, scale: float) -> NDArray[np.uint8]:
        """The smallest halved photo from which a copy at ``scale`` can be made."""
        enough = scale * max(self.width, self.height) * 2 * HALVE_FROM
        level = 0
        while max(self._halved[level].shape[:2]) >= enough:  # halving is ten times as fast in OpenCV
            level += 1
            if level == len(self._halved):
                self._halved.append(reduce_blocks(self._halved[-1], 2))
        return self._halved[level]

    def _turned_width(self, source: NDArray[np.uint8]) -> int:
        return source.shape[1 if self._turns % 2 == 0 else 0]

    def _resized(self, source: NDArray[np.uint8], scale: float, *, turned: bool = False) -> NDArray[np.uint8]:
        """A part at ``scale``, or the whole photo at ``scale`` of its own size and the right way up."""
        if turned:
            size = (round(source.shape[1] * scale), round(source.shape[0] * scale))
        else:
            source = np.rot90(source, self._turns) if self._turns else source
            size = (round(self.width * scale), round(self.height * scale))
        size = (max(1, size[0]), max(1, size[1]))
        if size[0] < source.shape[1]:
            return reduce_to(source, size)
        source = np.ascontiguousarray(source)
        return np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_CUBIC), np.uint8)
