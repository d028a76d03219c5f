"""Smooths a track's landmarks over past and future pictures, and fades its change in and out.

The pose (position, size, tilt) is smoothed separately from the shape within the canonical frame, as a head
moves faster than a face changes. Both are weighted least-squares fits in a window around each picture: a line
for the shape, and for the pose a parabola where its curvature exceeds the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bundle.manifest import Manifest
from ..face.alignment import apply_affine, canonical_frame
from ..face.easing import eased_between
from ..face.finder import Face, turn_of
from ..pipeline.face_filter import MAX_TURN, NODS, nod
from ..pipeline.seen_face import frame_size
from .tracks import LandmarkRows, Track, face_of_row

Floats = NDArray[np.float64]
POSE_SECONDS = 0.06
SHAPE_SECONDS = 0.12
"""Standard deviations of the windows; see benchmarks/video_steadiness.py."""
REACH = 2.5
"""Radius of a window in standard deviations."""
FADE_SECONDS = 0.3
SOFT_SECONDS = 0.1
TURN_BEGINS = 0.9
NOD_SOFT = 0.06
PRESENCES = (0.55, 0.9)
ROOMY = 1.2
TIGHT = 1.5
"""A frame grows when a face needs one ROOMY times as large, and shrinks when one TIGHT times smaller."""


@dataclass(frozen=True, eq=False)
class Step:
    """A track in one picture: smoothed ``face``, the side of its frame in px, and ``weight`` 0..1."""

    face: Face
    frame_px: int
    weight: float


class Course:
    """A smoothed track. ``rows`` are the landmarks of the video, ``rate`` is in pictures per second."""

    def __init__(
        self, track: Track, rows: LandmarkRows, rate: float, bridge: int, manifest: Manifest,
        smooth: tuple[float, float] = (POSE_SECONDS, SHAPE_SECONDS),
    ) -> None:  # fmt: skip
        self._rows, self._rate = rows, rate
        self._pose_s, self._shape_s = (max(seconds * rate, 1e-3) for seconds in smooth)
        self._frames = np.asarray(track.frames, np.int64)
        self._track_rows = np.asarray(track.rows, np.int64)
        self._presences = np.asarray(track.presences, np.float64)
        poses, turns, nods = [], [], []
        for row, presence in zip(track.rows, track.presences, strict=True):
            face = face_of_row(rows, row, presence)
            poses.append([*face.frame.centre, *face.frame.right])
            turns.append(turn_of(face.landmarks))
            nods.append(nod(face))
        self._poses = np.array(poses)
        self.first, self.last = int(self._frames[0]), int(self._frames[-1])
        self._weights = self._fades(track, np.array(turns), np.array(nods))
        self._sizes = self._frame_sizes(manifest)
        self._bridge = bridge
        self._units: dict[int, Floats] = {}

    def at(self, number: int) -> Step | None:
        """The track in a picture, or None where it does not exist or has no weight."""
        if not self.first <= number <= self.last:
            return None
        weight = float(self._weights[number - self.first])
        if weight <= 0.0:
            return None
        pose = self._fit(number, self._pose_s, self._poses)
        units = self._fit(number, self._shape_s, None)
        points = apply_affine(_to_photo(pose), units.reshape(-1, 2))
        nearest = int(np.abs(self._frames - number).argmin())
        face = Face(points, 1.0, float(self._presences[nearest]), canonical_frame(points))
        return Step(face, int(self._sizes[nearest]), weight)

    def _fit(self, number: int, spread: float, values: Floats | None) -> Floats:
        """The fit around a picture, evaluated at it: a curve for ``values``, a line for the shapes (None)."""
        reach = max(REACH * spread, 1.0)
        low, high = np.searchsorted(self._frames, (number - reach, number + reach + 1e-9))
        while high - low < 1 or (high - low < 2 and not (self._frames[low:high] == number).any()):
            low, high = max(low - 1, 0), min(high + 1, len(self._frames))  # in a gap: include both edges
            if low == 0 and high == len(self._frames):
                break
        at = (self._frames[low:high] - number).astype(np.float64)
        some = values[low:high] if values is not None else self._shapes(low, high)
        weights = np.exp(-0.5 * (at / spread) ** 2) + 1e-12
        if values is not None and len(at) >= 4:
            return _curve_at_zero(at, some, weights)
        return _line_at_zero(at, some, weights)

    def _shapes(self, low: int, high: int) -> Floats:
        """Landmarks in units of their own frames, [n, 936]."""
        for index in [index for index in self._units if not low <= index < high]:
            del self._units[index]
        for index in range(low, high):
            if index not in self._units:
                face = face_of_row(self._rows, int(self._track_rows[index]), 1.0)
                self._units[index] = apply_affine(face.frame.to_frame(1), face.landmarks).ravel()
        return np.array([self._units[index] for index in range(low, high)])

    def _fades(self, track: Track, turns: Floats, nods: Floats) -> Floats:
        """Weight of the change in each picture from the first to the last."""
        seen = 1.0 - eased_between(np.abs(turns), TURN_BEGINS, MAX_TURN)
        seen *= eased_between(nods, NODS[0], NODS[0] + NOD_SOFT) * (
            1.0 - eased_between(nods, NODS[1] - NOD_SOFT, NODS[1])
        )
        seen *= eased_between(self._presences, *PRESENCES)
        numbers = np.arange(self.first, self.last + 1)
        weights = np.interp(numbers, self._frames, seen)
        weights = np.minimum(weights, _blurred(weights, SOFT_SECONDS * self._rate))
        fade = max(FADE_SECONDS * self._rate, 1.0)
        if not track.cut_in:
            weights *= eased_between((numbers - self.first + 1) / fade, 0.0, 1.0)
        if not track.cut_out:
            weights *= eased_between((self.last - numbers + 1) / fade, 0.0, 1.0)
        return np.asarray(np.where(weights < 1e-3, 0.0, np.where(weights > 0.999, 1.0, weights)))

    def _frame_sizes(self, manifest: Manifest) -> NDArray[np.int64]:
        """Sides of the frames in px, with as few changes as the face's size permits."""
        sides = 2.0 * np.hypot(self._poses[:, 2], self._poses[:, 3])
        sides = _blurred(sides, SHAPE_SECONDS * self._rate)
        sizes, current = [], 0
        for side in sides:
            need = frame_size(float(side), manifest)
            if not current or need > ROOMY * current or need * TIGHT < current:
                current = need
            sizes.append(current)
        return np.array(sizes)


def person_pattern(tracks: Sequence[Track]) -> NDArray[np.float32]:
    """A person's mixing weights of the patterns times the line strength, float32 [K].

    Medians over the more frontal readings.
    """
    patterns = np.array([one.pattern for one in frontal(tracks)])
    weights, strength = np.median(patterns, axis=0), float(np.median(patterns.sum(axis=1)))
    return np.asarray(weights * (strength / max(float(weights.sum()), 1e-9)), np.float32)


def frontal(tracks: Sequence[Track]) -> list:  # type: ignore[type-arg]
    """The more frontal half of all readings."""
    readings = sorted((one for track in tracks for one in track.readings), key=lambda one: abs(one.turn))
    return readings[: -(-len(readings) // 2)]


def _line_at_zero(at: Floats, values: Floats, weights: Floats) -> Floats:
    """The weighted least-squares line through values [n, m] at ``at`` [n], evaluated at zero: [m]."""
    total = weights.sum()
    mean_at = (weights @ at) / total
    spread = weights @ (at - mean_at) ** 2
    mean = (weights @ values) / total
    if len(at) < 3 and spread <= 1e-9:
        return np.asarray(mean)
    if spread <= 1e-9 * total:
        return np.asarray(mean)
    slope = ((weights * (at - mean_at)) @ (values - mean)) / spread
    return np.asarray(mean - slope * mean_at)


def _curve_at_zero(at: Floats, values: Floats, weights: Floats) -> Floats:
    """The fit through values [n, m], evaluated at zero: a parabola where its curvature exceeds the noise,
    a line otherwise, with a smooth transition.
    """
    terms = np.stack([np.ones_like(at), at, at**2], axis=1)
    roots = np.sqrt(weights)[:, None]
    bends = np.linalg.lstsq(terms * roots, values * roots, rcond=None)[0]
    line = _line_at_zero(at, values, weights)
    noise = weights @ (values - terms @ bends) ** 2 / weights.sum()
    bend = float(((bends[0] - line) ** 2).sum())
    share = bend / max(bend + float(noise.sum()), 1e-12)
    return np.asarray(line + share * (bends[0] - line))


def _to_photo(pose: Floats) -> Floats:
    """The affine map from frame units to the picture for a pose (centre x, y, right x, y)."""
    cx, cy, rx, ry = pose
    axes = 2.0 * np.array([[rx, -ry], [ry, rx]])
    return np.column_stack([axes, np.array([cx, cy]) - axes @ np.array([0.5, 0.5])])


def _blurred(values: Floats, spread: float) -> Floats:
    """Gaussian smoothing of values; the ends repeat."""
    if spread < 0.3:
        return values
    reach = int(np.ceil(3 * spread))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"))
