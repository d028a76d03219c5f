"""Multi-scale sliding-window search with the face detector.

Coarse windows cover the photo at scales that differ by a factor of three or less, from the whole photo at
half a window's side down to the scale at which the smallest face searched for has FAINT_PX px. Scores are
often low there, so low-score candidates are detected again, four of them in a window, each at the size that
the detector handles best. Candidates of several scales share a window. A scan thus needs a quarter of the
windows of a search at the reliable sizes only.

Skipped are windows without the contrast of a face, windows inside a face that was found, and candidates that
were found at another scale meanwhile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .detector import (
    INPUT_PX,
    MAX_OVERLAP,
    MIN_FACE_PX,
    MIN_SCORE,
    SIDES_PX,
    Detection,
    FaceDetector,
    apart_from,
    merge,
    overlap,
    square_for,
)
from .pyramid import Pyramid

SUSPECT_SCORE = 0.1
FAINT_SCORE = 0.05
"""The minimum score of candidates at the finest scale."""
FAINT_PX = 12.0
"""Of frontal faces of this width in the window about 96 % score SUSPECT_SCORE or more, and 99 %
FAINT_SCORE."""
FAINTEST_TO_PX = 18.0
"""Boxes wider than this in the window are no faces if they score less than SUSPECT_SCORE."""
BEST_PX = 32.0
CELL_PX = INPUT_PX // 2
CELLS = ((0, 0), (0, CELL_PX), (CELL_PX, 0), (CELL_PX, CELL_PX))
"""Row and column of the top left corners of a window's four quarters."""
SMALLEST_FACE_PX = 8.0
"""Photos are enlarged at most FAINT_PX / SMALLEST_FACE_PX times."""
WINDOW_OVERLAP_PX = 48
MAX_STEP = (WINDOW_OVERLAP_PX - 6) / FAINT_PX
FLAT_CODES = 3.0
WHOLE_PX = 320
"""Copies of the photo up to this side are searched in one window."""
MIN_SHARE_OF_PHOTO = 1 / 64
MIN_SHARE_OF_FACE = 1 / 8
SAME_SIZE = 1.5


@dataclass(frozen=True)
class Scan:
    """The result of a scan: faces, best first, and ``suspects``, candidates that were not confirmed.

    ``min_face_px`` is the width of the smallest faces searched for, ``windows`` the number of windows that
    the detector ran on, ``skipped`` the number without contrast or inside a face.
    """

    faces: tuple[Detection, ...]
    suspects: tuple[Detection, ...]
    min_face_px: float
    windows: int
    skipped: int


class Scanner:
    """One scan of one photo; see `scan`."""

    def __init__(self, detector: FaceDetector, pyramid: Pyramid) -> None:
        self.detector, self.pyramid = detector, pyramid
        self.found: list[Detection] = []
        self.unsure: list[Detection] = []
        self.waiting: list[Detection] = []
        """Suspects that were not detected again yet."""
        self.faint: list[Detection] = []
        """What the last look saw too faintly to suspect: small boxes of FAINT_SCORE or more."""
        self.windows = self.skipped = 0

    def look(self, side: float, narrowest: float) -> None:
        """Search all windows of ``side`` px for boxes of at least ``narrowest`` px; collects candidates."""
        pyramid, scale = self.pyramid, INPUT_PX / side
        copy = pyramid.level(scale)
        suspected: list[Detection] = []
        self.faint = []
        for window, x, y in self._windows(copy, side):
            self.windows += 1
            for one in self.detector.detect(window, x, y, side, FAINT_SCORE):
                if not pyramid.holds(one.centre) or one.width_px < narrowest:
                    continue
                if one.score >= SUSPECT_SCORE:
                    (self.found if one.score >= MIN_SCORE else suspected).append(one)
                elif one.width_px * scale <= FAINTEST_TO_PX:
                    self.faint.append(one)
        self.found = merge(self.found)
        self.waiting += apart_from(merge(suspected), self.found)

    def _windows(self, copy: NDArray[np.uint8], side: float) -> list[tuple[NDArray[np.uint8], float, float]]:
        """The windows of a copy of the photo in which INPUT_PX show ``side`` px.

        Windows, and their x and y in the photo; a single larger one if that is less work.
        """
        scale, longest = INPUT_PX / side, max(copy.shape[:2])
        whole = [(copy, 0.0, 0.0)]
        if longest <= WHOLE_PX:
            return whole
        windows, skipped = [], 0
        for x0, y0 in starts(self.pyramid.width, self.pyramid.height, side):
            left, top = round(x0 * scale), round(y0 * scale)
            window, x, y = copy[top : top + INPUT_PX, left : left + INPUT_PX], left / scale, top / scale
            if _inside_a_face(x, y, side, self.found) or is_flat(window):
                skipped += 1
            else:
                windows.append((window, x, y))
        if longest <= SIDES_PX[-1] and len(windows) * INPUT_PX**2 >= square_for(longest) ** 2:
            return whole
        self.skipped += skipped
        return windows

    def suspect_the_faint(self, narrowest: float) -> None:
        """Add the last search's faint boxes of at least ``narrowest`` px to the candidates."""
        seen = [*self.found, *self.waiting, *self.unsure]
        wide = [one for one in merge(self.faint) if one.width_px >= narrowest]
        self.waiting += apart_from(wide, seen)

    def settle(self, *, all_of_them: bool) -> None:
        """Detect candidates again, four at a time; fewer than four are kept unless ``all_of_them``.

        Those that were found at another scale meanwhile are dropped.
        """
        self.waiting = [one for one in self.waiting if not any(_same(one, face) for face in self.found)]
        count = len(self.waiting)
        ready = count if all_of_them else count - count % 4
        for first in range(0, ready, 4):
            self._look_again(self.waiting[first : min(first + 4, ready)])
        self.waiting = self.waiting[ready:]
        self.found = merge(self.found)

    def widest(self) -> float:
        """Width in photo px of the largest face found so far; 0 if none."""
        return max((face.width_px for face in self.found), default=0.0)

    def _look_again(self, suspects: list[Detection]) -> None:
        """Detect up to four candidates again in one window, each in a quarter of it; keeps the better score.

        A single one has a window of that size.
        """
        window_px = CELL_PX if len(suspects) == 1 else INPUT_PX
        window = np.full((window_px, window_px, 3), 127, np.uint8)
        zooms = []
        for (row, column), one in zip(CELLS, suspects, strict=False):
            side = max(one.width_px, one.box[3] - one.box[1]) * CELL_PX / BEST_PX
            cell = self.pyramid.cut(*one.centre, side, CELL_PX)
            window[row : row + cell.shape[0], column : column + cell.shape[1]] = cell
            zooms.append(side / CELL_PX)
        self.windows += 1
        again = self.detector.detect(window, 0, 0, INPUT_PX, SUSPECT_SCORE)
        for (row, column), one, zoom in zip(CELLS, suspects, zooms, strict=False):
            moved = [
                found.moved((column + CELL_PX / 2, row + CELL_PX / 2), zoom, one.centre)
                for found in again
                if column <= found.centre[0] < column + CELL_PX and row <= found.centre[1] < row + CELL_PX
            ]
            same = [m for m in moved if overlap(m.box, one.box) > MAX_OVERLAP]
            best = max([one, *same], key=lambda d: d.score)
            (self.found if best.score >= MIN_SCORE else self.unsure).append(best)


def scan(detector: FaceDetector, pyramid: Pyramid, min_face_px: float | None = None) -> Scan:
    """Find all faces that are at least ``min_face_px`` wide.

    None ignores faces below MIN_FACE_PX, below MIN_SHARE_OF_PHOTO of the photo's longer side, and below
    MIN_SHARE_OF_FACE of the largest face's width.
    """
    longer = float(max(pyramid.width, pyramid.height))
    scanner = Scanner(detector, pyramid)
    scanner.look(2 * longer, 0.0)
    smallest = _smallest(scanner, longer, min_face_px)
    if scanner.found and longer * FAINT_PX <= smallest * WHOLE_PX:
        sides = [min(longer, smallest * INPUT_PX / FAINT_PX)]  # one window shows all sizes
    else:
        scanner.look(longer, 0.0)
        # The largest face determines the smallest size, so candidates are confirmed first.
        scanner.settle(all_of_them=any(one.width_px > scanner.widest() for one in scanner.waiting))
        smallest = _smallest(scanner, longer, min_face_px)
        sides = finer_sides(longer, smallest)
    for side in sides:
        scanner.look(side, 0.7 * smallest)  # a box may be narrower than the landmarks in it
        scanner.settle(all_of_them=False)
    scanner.suspect_the_faint(0.8 * smallest)
    scanner.settle(all_of_them=True)
    found = tuple(scanner.found)
    suspects = tuple(apart_from(merge(scanner.unsure), scanner.found))
    return Scan(found, suspects, smallest, scanner.windows, scanner.skipped)


def _smallest(scanner: Scanner, longer: float, min_face_px: float | None) -> float:
    """The width of the smallest faces to search for, given the largest one so far; see `scan`."""
    if min_face_px is None:
        min_face_px = max(MIN_FACE_PX, MIN_SHARE_OF_PHOTO * longer, MIN_SHARE_OF_FACE * scanner.widest())
    return max(min_face_px, SMALLEST_FACE_PX)


def finer_sides(longer: float, min_face_px: float) -> list[float]:
    """Sides of the windows in photo px for faces that are too small for one window of ``longer`` px."""
    finest = min_face_px * INPUT_PX / FAINT_PX
    if finest >= longer:
        return []
    steps = math.ceil(math.log(longer / finest) / math.log(MAX_STEP) - 1e-9)
    return [longer * (finest / longer) ** (i / steps) for i in range(1, steps + 1)]


def starts(width: int, height: int, side: float) -> list[tuple[float, float]]:
    """Top left corners (x, y) of windows of ``side`` px that cover a photo."""
    return [(x, y) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: float, side: float) -> list[float]:
    """Starts of windows that cover a line and overlap by WINDOW_OVERLAP_PX window px."""
    if length <= side:
        return [0.0]
    shared = side * WINDOW_OVERLAP_PX / INPUT_PX
    count = math.ceil((length - side) / (side - shared) - 1e-9) + 1
    return [i * (length - side) / (count - 1) for i in range(count)]


def _same(one: Detection, face: Detection) -> bool:
    """Whether two detections are of the same face: at the same position, with about the same width."""
    alike = one.width_px < SAME_SIZE * face.width_px and face.width_px < SAME_SIZE * one.width_px
    return alike and overlap(one.box, face.box) > MAX_OVERLAP


def _inside_a_face(x0: float, y0: float, side: float, faces: list[Detection]) -> bool:
    """Whether a window lies in the inner part of a found face."""
    for face in faces:
        (x, y), half = face.centre, 0.4 * face.width_px
        if max(x - x0, x0 + side - x, y - y0, y0 + side - y) <= half:
            return True
    return False


def is_flat(window: NDArray[np.uint8]) -> bool:
    """Whether no region of a window of the smallest face's size has the contrast of a face."""
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(np.float32)
    around = (round(FAINT_PX), round(FAINT_PX))
    mean = cv2.blur(grey, around)
    variance = cv2.blur(grey * grey, around) - mean * mean
    return float(variance.max()) < FLAT_CODES**2
