"""MediaPipe's full-range face detector, run by OpenVINO on windows of a photo.

The network looks at a square of 192 px. It is sure of faces that are 24 to 64 px wide there; those of 12 to
150 px it still answers to, only more weakly. `scan.py` moves the window over a photo.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT_PX = 192
GRID = 48
MIN_SCORE = 0.6
MIN_FACE_PX = 20.0
"""Smaller faces show too little of an age: they are looked for only where that is asked for."""
MAX_OVERLAP = 0.4


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
        """The middle of the box."""
        return ((self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2)

    def moved(self, point: tuple[float, float], zoom: float, to: tuple[float, float]) -> Detection:
        """The same face where ``point`` has moved ``to`` and all else lies ``zoom`` times as far from it."""

        def place(x: float, y: float) -> tuple[float, float]:
            return ((x - point[0]) * zoom + to[0], (y - point[1]) * zoom + to[1])

        box = (*place(*self.box[:2]), *place(*self.box[2:]))
        return replace(self, box=box, right_eye=place(*self.right_eye), left_eye=place(*self.left_eye))

    def turned_back(self, quarter_turns: int, width: int, height: int) -> Detection:
        """The same face in a photo of ``width`` x ``height`` px of which np.rot90(photo, N) was looked at."""
        detection = self
        for turn in reversed(range(quarter_turns)):
            # np.rot90 shows at (x, y) what was at (across - y, x) of the photo before.
            across = height if turn % 2 else width
            corners = (detection.box[:2], detection.box[2:], detection.right_eye, detection.left_eye)
            (x0, y0), (x1, y1), right_eye, left_eye = ((across - y, x) for x, y in corners)
            box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            detection = replace(detection, box=box, right_eye=right_eye, left_eye=left_eye)
        return detection


class FaceDetector:
    """Wraps the compiled detector network; thread-safe (each thread has its own request)."""

    def __init__(self, compiled_model: Any) -> None:
        self._model = compiled_model
        self._local = threading.local()

    def detect(
        self, window: NDArray[np.uint8], x0: float, y0: float, side: float, min_score: float
    ) -> list[Detection]:
        """Faces in a window, RGB uint8 [h, w, 3] of at most INPUT_PX px, best first, overlaps merged.

        The window shows the ``side`` px of the photo from ``x0``, ``y0`` on; what it lacks is taken for grey.
        """
        tensor = np.zeros((1, INPUT_PX, INPUT_PX, 3), np.float32)
        tensor[0, : window.shape[0], : window.shape[1]] = window * np.float32(1 / 127.5) - np.float32(1.0)
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        outputs = list(self._local.request.infer({0: tensor}).values())
        boxes, logits = sorted(outputs, key=lambda a: -a.shape[-1])
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1), -100, 100)))
        out = []
        for i in np.flatnonzero(scores >= min_score):
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
        return merge(out)


def merge(found: list[Detection]) -> list[Detection]:
    """Greedy non-maximum suppression; a box mostly inside a better one goes too."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda d: -d.score):
        if all(overlap(candidate.box, k.box) < MAX_OVERLAP for k in kept):
            kept.append(candidate)
    return kept


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection area over the smaller box's area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / max(smaller, 1e-9)
