"""Assigns tracks to people by appearance: the same person before and after a cut or a loss.

The appearance of a face is a small grey picture of its canonical frame with normalized contrast: enough to
distinguish the few people of one video, not to recognize anybody. Two tracks in the same picture are two
people. If the similarity is too low, one person gets two numbers; two people never share one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.alignment import Frame
from ..face.warp import sample_affine
from .tracks import Track

LOOK_PX = 32
SAME = 0.8
"""Correlation of two appearances from which they belong to one person."""


def look_of(rgb: NDArray[np.uint8], frame: Frame) -> NDArray[np.float32]:
    """Appearance of a face in a picture, uint8 [h, w, 3]: float32 [LOOK_PX ** 2] of mean 0 and norm 1."""
    cut = sample_affine(rgb, frame.to_photo(LOOK_PX), (LOOK_PX, LOOK_PX))
    grey = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).astype(np.float32)
    even = grey - cv2.GaussianBlur(grey, (0, 0), LOOK_PX / 6)
    even *= _WINDOW
    even -= even.mean()
    flat = even.ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)


def alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of two appearances, -1..1."""
    return float(one @ other)


def group_people(tracks: Sequence[Track]) -> list[list[int]]:
    """Numbers of the tracks of each person, the most prominent person first.

    Prominence is the area of the face summed over the pictures.
    """
    people: list[list[Track]] = []
    for track in sorted(tracks, key=lambda one: -len(one.frames)):
        best, match = SAME, None
        for person in people:
            if any(_overlap(track, other) for other in person):
                continue
            score = max((_closest(track, other) for other in person), default=-1.0)
            if score > best:
                best, match = score, person
        if match is None:
            people.append([track])
        else:
            match.append(track)
    people.sort(key=lambda person: (-sum(map(_prominence, person)), min(t.number for t in person)))
    return [sorted(track.number for track in person) for person in people]


def _closest(one: Track, other: Track) -> float:
    """The highest correlation between appearances of two tracks."""
    if not one.readings or not other.readings:
        return -1.0
    first = np.stack([reading.look for reading in one.readings])
    second = np.stack([reading.look for reading in other.readings])
    return float((first @ second.T).max())


def _overlap(one: Track, other: Track) -> bool:
    return one.frames[0] <= other.frames[-1] and other.frames[0] <= one.frames[-1]


def _prominence(track: Track) -> float:
    widths = [reading.width_px for reading in track.readings] or [1.0]
    return len(track.frames) * float(np.mean(np.square(widths)))


def _window() -> NDArray[np.float32]:
    """Window: 1 in the middle of the frame, 0 at its edge, so that hair and background do not count."""
    y, x = (np.mgrid[:LOOK_PX, :LOOK_PX] + 0.5) / LOOK_PX - 0.5
    return np.clip(1.5 - 4.0 * np.hypot(x, y * 0.9), 0.0, 1.0).astype(np.float32)


_WINDOW = _window()
