"""Temporal average of a face's change on the skin, which removes the network's response to noise.

The average is stored on the mean face and moves with the mesh. Where the face's appearance changes (a blink,
a hand in front of it), the picture's own change replaces the average immediately. The average is causal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pipeline.face_plan import FaceWork
from .correspondence import Box, Floats, look_of_frame, sampled, texture_px
from .look import FaceLook, changed_look
from .register import looked_up, register

BESIDE = 4
AVERAGE_SECONDS = 0.2
"""Time constant of the average in s; see benchmarks/video_steadiness.py."""
LONGEST_GAP_SECONDS = 0.3


class ChangeAverage:
    """The average of one track's change. Pictures must be added in order."""

    def __init__(self, rate: float) -> None:
        """``rate`` is in pictures per second."""
        self._rate = rate
        self._number = -1
        self._texture: Floats | None = None
        self._look: Floats | None = None
        self._last: Floats | None = None

    def add(
        self, number: int, work: FaceWork, seen: FaceLook, after: NDArray[np.uint8] | None
    ) -> tuple[Floats, Floats]:
        """The averaged frame, float32 [S, S, 3], and mask, float32 [S, S], of a picture.

        ``after`` uint8 [S, S, 3] is the aged frame of the picture; None reuses the last picture's change at
        its new position on the skin. Outside the mask, which is zero there, the frame is undefined. The
        average restarts after a long gap between pictures; the picture after it must have a frame.
        """
        size, side = work.seen.frame_px, texture_px(work.seen.frame_px)
        box, gap = _box_of(work.mask), number - self._number
        if self._texture is None or self._look is None or not 0 < gap <= self._longest_gap:
            assert after is not None, "the first picture of an average has no change"
            first = _change_and_mask(work.before, after, work.mask, box)
            self._texture = self._last = sampled(
                first, _pixels_of(seen.correspondence.knots, size, box), side
            )
            self._look, self._number = seen.look, number
            return after.astype(np.float32), work.mask
        if len(self._texture) != side:
            self._texture = np.asarray(cv2.resize(self._texture, (side, side)), np.float32)
        slip = register(self._look, seen.look)
        knots = seen.correspondence.moved(slip)
        look = look_of_frame(seen.grey, knots)
        share = _shares(look - self._look, 1.0 - math.exp(-gap / (self._rate * AVERAGE_SECONDS)))
        wide = cv2.resize(cv2.merge([share] * 4), (side, side), interpolation=cv2.INTER_LINEAR)
        new = None if after is None else _change_and_mask(work.before, after, work.mask, box)
        self._last = self._on_mean(work, new, _pixels_of(knots, size, box), box, side)
        apart = cv2.subtract(self._last, self._texture)
        cv2.multiply(apart, wide, dst=apart)
        self._texture = np.asarray(cv2.add(self._texture, apart, dst=apart), np.float32)
        self._look = np.asarray(self._look + share * (look - self._look), np.float32)
        self._number = number
        return self._back(work, new, box, *seen.correspondence.on_mean(slip, size, box, side))

    def _on_mean(self, work: FaceWork, new: Floats | None, knots: Floats, box: Box, side: int) -> Floats:
        """A picture's change and mask on the mean face, [side, side, 4].

        If it has no change, the last change with this picture's mask.
        """
        if new is not None:
            return sampled(new, knots, side)
        assert self._last is not None, "no picture before this one has a change"
        last = self._last
        if len(last) != side:
            last = np.asarray(cv2.resize(last, (side, side)), np.float32)
        coarse = sampled(np.ascontiguousarray(work.mask[box]), knots, side // 2)  # it is smooth
        mask = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.merge([*cv2.split(last)[:3], mask]), np.float32)

    @property
    def _longest_gap(self) -> int:
        return max(round(LONGEST_GAP_SECONDS * self._rate), 1)

    def _back(
        self, work: FaceWork, new: Floats | None, box: Box, at: Floats, inside: Floats
    ) -> tuple[Floats, Floats]:
        """The average in the frame of a picture; outside the mean face, the picture's own change if any."""
        assert self._texture is not None
        before = work.before
        mixed: Floats = looked_up(self._texture, at)
        if new is not None and inside.min() < 1.0:
            apart = cv2.multiply(cv2.subtract(mixed, new), cv2.merge([inside] * 4))
            mixed = np.asarray(cv2.add(new, apart), np.float32)
        change = cv2.cvtColor(mixed, cv2.COLOR_RGBA2RGB)  # the first three of four planes
        spread = _too_fine(work.seen.frame_px / work.seen.face.frame.side_px)
        if spread > 0.2:
            change = cv2.GaussianBlur(change, (0, 0), spread)
        averaged, mask = np.zeros(before.shape, np.float32), np.zeros_like(work.mask)
        np.clip(cv2.add(change, before[box], dtype=cv2.CV_32F), 0.0, 255.0, out=averaged[box])
        np.clip(cv2.extractChannel(mixed, 3), 0.0, 1.0, out=mask[box])
        mask[box][work.mask[box] <= 0.0] = 0.0
        return averaged, mask

    def state(self) -> dict[str, NDArray[Any]]:
        """The exact state for resuming; empty before the first picture."""
        if self._texture is None or self._look is None:
            return {}
        return {"number": np.array(self._number), "texture": self._texture, "look": self._look}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a `state`."""
        self._number = int(state["number"])
        self._texture = np.array(state["texture"], np.float32)
        self._look = np.array(state["look"], np.float32)


def _too_fine(ratio: float) -> float:
    """Standard deviation, in px of the frame, of details too fine for the picture.

    Such lines would flicker as they move. The argument is the size of a pixel of the picture in px of the
    frame. Pasting averages whole blocks itself.
    """
    blocks = max(math.floor(ratio), 1)
    return 0.6 * blocks * math.sqrt(max((ratio / blocks) ** 2 - 1.0, 0.0))


def _shares(apart: Floats, least: float) -> Floats:
    """Weight of the new picture, [LOOK_PX, LOOK_PX]: ``least``, and 1 where the appearance has changed."""
    wide = cv2.GaussianBlur(cv2.dilate(changed_look(apart), np.ones((5, 5))), (0, 0), 1.5)
    return np.asarray(least + (1.0 - least) * np.asarray(wide), np.float32)


def _pixels_of(knots: Floats, size: int, box: Box) -> Floats:
    """Convert knots from units of a frame of ``size`` px to pixels of a part of it."""
    first = np.array([box[1].start, box[0].start], np.float32)
    return np.asarray(knots * np.float32(size) - np.float32(0.5) - first, np.float32)


def _box_of(mask: Floats) -> Box:
    """Rows and columns of the non-zero part of a mask, with a margin; of an empty mask the first few."""
    found = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        low, high = (int(used[0]), int(used[-1])) if used.size else (0, 0)
        found.append(slice(max(low - BESIDE, 0), min(high + 1 + BESIDE, len(mask))))
    return found[0], found[1]


def _change_and_mask(before: NDArray[np.uint8], after: NDArray[np.uint8], mask: Floats, box: Box) -> Floats:
    """The change of a part of a frame and its mask, float32 [h, w, 4]."""
    change = cv2.subtract(after[box], before[box], dtype=cv2.CV_32F)
    return np.asarray(cv2.merge([*cv2.split(change), mask[box]]), np.float32)
