"""MediaPipe's full-range face detector, run on windows of a photo.

The network's input is a square of 192 px. It detects faces that are 24 to 64 px wide there reliably, and
faces of 12 to 150 px with lower scores. It is fully convolutional, so it runs on squares of other sizes as
well: half the width costs half, and 320 px cost less than three of the four windows of 192 px that they
replace. `scan.py` moves the window over a photo.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..engines.network import Network

INPUT_PX = 192
SIDES_PX = (INPUT_PX // 2, INPUT_PX, 256, 320, 384, 448)
"""Input sizes for which networks are opened, each at its first use."""
ANCHOR_PX = 4
MIN_SCORE = 0.6
MIN_FACE_PX = 20.0
"""Smaller faces show too little of an age; they are searched for only on request."""
MAX_OVERLAP = 0.4
_MANY = 24
"""More boxes than this are compared by array operations."""


@dataclass(frozen=True)
class Detection:
    """One detected face, in photo pixels: box corners, the two eye centres, and a score in 0..1."""

    box: tuple[float, float, float, float]
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    score: float

    @property
    def width_px(self) -> float:
        """Width of the box in photo pixels; an upright face's landmarks are about 0.9 times as wide."""
        return self.box[2] - self.box[0]

    @property
    def centre(self) -> tuple[float, float]:
        """The centre of the box."""
        return ((self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2)

    def moved(self, point: tuple[float, float], zoom: float, to: tuple[float, float]) -> Detection:
        """The detection after scaling by ``zoom`` about ``point`` and moving that point ``to``."""

        def shifted(x: float, y: float) -> tuple[float, float]:
            return ((x - point[0]) * zoom + to[0], (y - point[1]) * zoom + to[1])

        box = (*shifted(*self.box[:2]), *shifted(*self.box[2:]))
        return replace(self, box=box, right_eye=shifted(*self.right_eye), left_eye=shifted(*self.left_eye))

    def turned_back(self, quarter_turns: int, width: int, height: int) -> Detection:
        """A detection in np.rot90(photo, quarter_turns) converted to the photo, ``width`` x ``height`` px."""
        detection = self
        for turn in reversed(range(quarter_turns)):
            # np.rot90 moves (across - y, x) to (x, y).
            across = height if turn % 2 else width
            corners = (detection.box[:2], detection.box[2:], detection.right_eye, detection.left_eye)
            (x0, y0), (x1, y1), right_eye, left_eye = ((across - y, x) for x, y in corners)
            box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            detection = replace(detection, box=box, right_eye=right_eye, left_eye=left_eye)
        return detection


class FaceDetector:
    """The detector networks; thread-safe."""

    def __init__(self, open_network: Callable[[int], Network]) -> None:
        """``open_network`` opens the network for squares of a size in SIDES_PX."""
        self._open = open_network
        self._networks: dict[int, Network] = {}
        self._lock = threading.Lock()

    def detect(
        self, window: NDArray[np.uint8], x0: float, y0: float, side: float, min_score: float
    ) -> list[Detection]:
        """Faces in a window, RGB uint8 [h, w, 3] of at most SIDES_PX[-1] px, best first, overlaps merged.

        The window starts at ``x0``, ``y0`` of the photo, and INPUT_PX of it show ``side`` px of the photo; it
        is padded with grey to a square.
        """
        square = square_for(max(window.shape[:2]))
        tensor = np.zeros((1, square, square, 3), np.float32)
        inside = tensor[0, : window.shape[0], : window.shape[1]]
        np.multiply(window, np.float32(1 / 127.5), out=inside)
        inside -= np.float32(1.0)
        boxes, logits = sorted(self._network(square)(tensor), key=lambda a: -a.shape[-1])
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1), -100, 100)))
        likely = np.flatnonzero(scores >= min_score)
        rows = boxes.reshape(-1, boxes.shape[-1])[likely].astype(np.float64)
        anchors = np.stack([likely % (square // ANCHOR_PX), likely // (square // ANCHOR_PX)], axis=1)
        scale, corner = side / INPUT_PX, np.array([x0, y0])
        middle = (anchors + 0.5) * ANCHOR_PX
        centre, half = rows[:, :2] + middle, rows[:, 2:4] / 2
        found = [centre - half, centre + half, rows[:, 4:6] + middle, rows[:, 6:8] + middle]
        points_px = np.concatenate([points * scale + corner for points in found], axis=1).tolist()
        return merge(
            [
                Detection((x0, y0, x1, y1), (right_x, right_y), (left_x, left_y), score)
                for (x0, y0, x1, y1, right_x, right_y, left_x, left_y), score in zip(
                    points_px, scores[likely].tolist(), strict=True
                )
            ]
        )

    def _network(self, square: int) -> Network:
        """The network for squares of a size in px, opened at its first use."""
        if square not in self._networks:
            with self._lock:
                if square not in self._networks:
                    self._networks[square] = self._open(square)
        return self._networks[square]


def square_for(side_px: int) -> int:
    """The smallest size in SIDES_PX that holds a window of ``side_px``."""
    return next(px for px in SIDES_PX if px >= side_px)


def merge(found: list[Detection]) -> list[Detection]:
    """Greedy non-maximum suppression; also drops boxes mostly inside a better one."""
    if len(found) > _MANY:
        return _merge_many(found)
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda d: -d.score):
        if all(overlap(candidate.box, k.box) < MAX_OVERLAP for k in kept):
            kept.append(candidate)
    return kept


def _merge_many(found: list[Detection]) -> list[Detection]:
    """`merge` by array operations."""
    ordered = sorted(found, key=lambda d: -d.score)
    boxes = np.array([one.box for one in ordered], np.float64)
    left = np.ones(len(ordered), bool)
    kept = []
    for number, one in enumerate(ordered):
        if left[number]:
            kept.append(one)
            left[number + 1 :] &= overlaps(boxes[number], boxes[number + 1 :]) < MAX_OVERLAP
    return kept


def apart_from(some: list[Detection], others: list[Detection]) -> list[Detection]:
    """Those of ``some`` that overlap none of ``others`` by more than MAX_OVERLAP."""
    if not some or not others:
        return list(some)
    boxes = np.array([one.box for one in others], np.float64)
    return [one for one in some if not (overlaps(np.array(one.box), boxes) > MAX_OVERLAP).any()]


def overlaps(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """`overlap` of a box [4] with each of ``boxes`` [N, 4], float64 [N]."""
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    smaller = np.maximum(np.minimum(areas, (box[2] - box[0]) * (box[3] - box[1])), 1e-9)
    return np.where((shared > 0).all(axis=1), shared[:, 0] * shared[:, 1] / smaller, 0.0)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection area over the smaller box's area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / max(smaller, 1e-9)
