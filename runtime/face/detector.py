"""Finds faces with MediaPipe's full-range face detector, run by OpenVINO.

The network looks at a 192 px square and sees faces down to about an eighth of it. Large photos are also
scanned in overlapping windows, so that small faces of group photos are found.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .warp import reduce_blocks

INPUT_PX = 192
GRID = 48
MIN_SCORE = 0.6
MAX_OVERLAP = 0.4
SCANNED_SHARES = (0.6, 0.35)
PORTRAIT_SHARE = 0.35
HALVE_FROM = 1.3


@dataclass(frozen=True)
class Detection:
    """One detected face, in photo pixels: box corners, the two eye centres, and a score in 0..1."""

    box: tuple[float, float, float, float]
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    score: float


class FaceDetector:
    """Wraps the compiled detector network; thread-safe (each thread has its own request)."""

    def __init__(self, compiled_model: Any) -> None:
        self._model = compiled_model
        self._local = threading.local()

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """All faces in an RGB picture [H, W, 3] uint8, best first, overlaps merged.

        Where one face fills a third of the photo, faces smaller than an eighth of it are not looked for.
        """
        height, width = rgb.shape[:2]
        levels = _levels(width, height)
        # One small copy of the photo serves all windows of a level, and is made of that of the finer level.
        copies = []
        small = rgb
        for side, _ in reversed(levels):
            scale = INPUT_PX / side
            shape = (max(1, round(width * scale)), max(1, round(height * scale)))
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            while small.shape[1] >= 2 * HALVE_FROM * shape[0]:  # OpenCV halves ten times as fast
                small = reduce_blocks(small, 2)
            small = np.asarray(cv2.resize(small, shape, interpolation=method), np.uint8)
            copies.append(small)
        found: list[Detection] = []
        for (side, places), copy in zip(levels, reversed(copies), strict=True):
            scale = INPUT_PX / side
            for x0, y0 in places:
                x, y = round(x0 * scale), round(y0 * scale)
                window = copy[y : y + INPUT_PX, x : x + INPUT_PX]
                found += self._detect_window(window, x / scale, y / scale, side)
            if any(d.box[2] - d.box[0] > PORTRAIT_SHARE * max(width, height) for d in found):
                break  # a portrait: small faces behind it are not looked for
        return _merge(found)

    def _detect_window(self, window: NDArray[np.uint8], x0: float, y0: float, side: float) -> list[Detection]:
        """Faces in a window of at most INPUT_PX px, which begins at ``x0``, ``y0`` of the photo."""
        tensor = np.zeros((1, INPUT_PX, INPUT_PX, 3), np.float32)
        tensor[0, : window.shape[0], : window.shape[1]] = window * np.float32(1 / 127.5) - np.float32(1.0)
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        outputs = list(self._local.request.infer({0: tensor}).values())
        boxes, logits = sorted(outputs, key=lambda a: -a.shape[-1])
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1), -100, 100)))
        keep = np.flatnonzero(scores >= MIN_SCORE)
        out = []
        for i in keep:
            raw = boxes.reshape(-1, 16)[i]
            anchor = (np.array([i % GRID, i // GRID]) + 0.5) / GRID
            centre = raw[:2] / INPUT_PX + anchor
            half = raw[2:4] / INPUT_PX / 2
            points = raw[4:8].reshape(2, 2) / INPUT_PX + anchor
            corners = np.concatenate([centre - half, centre + half]) * side + (x0, y0, x0, y0)
            eyes = points * side + (x0, y0)
            out.append(
                Detection(
                    tuple(map(float, corners)),  # type: ignore[arg-type]
                    (float(eyes[0, 0]), float(eyes[0, 1])),
                    (float(eyes[1, 0]), float(eyes[1, 1])),
                    float(scores[i]),
                )
            )
        return out


def _levels(width: int, height: int) -> list[tuple[int, list[tuple[int, int]]]]:
    """Sides of the squares to look at and where they begin: the photo, and parts where it has the pixels.

    A face that is too small for one level lies whole in a window of the next one.
    """
    side = max(width, height)
    levels = [(side, [(0, 0)])]
    for share in SCANNED_SHARES:
        part = math.ceil(side * share)
        if part * share >= INPUT_PX:
            xs, ys = _starts(width, part), _starts(height, part)
            levels.append((part, [(x, y) for y in ys for x in xs]))
    return levels


def _starts(length: int, part: int) -> list[int]:
    """Where windows of ``part`` begin so that they cover a line and overlap by a third at least."""
    if length <= part:
        return [0]
    count = math.ceil((length - part) / (part * 2 / 3)) + 1
    return [round(i * (length - part) / (count - 1)) for i in range(count)]


def _merge(found: list[Detection]) -> list[Detection]:
    """Greedy non-maximum suppression; a box mostly inside a better one goes too."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda d: -d.score):
        if all(_overlap(candidate.box, k.box) < MAX_OVERLAP for k in kept):
            kept.append(candidate)
    return kept


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection area over the smaller box's area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / max(smaller, 1e-9)
