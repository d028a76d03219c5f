"""Faces of a photo and their 468 landmarks (MediaPipe's detector and face mesh)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine, canonical_frame
from .detector import INPUT_PX, MIN_FACE_PX, MIN_SCORE, SIDES_PX, Detection, FaceDetector
from .doubt import examine
from .found import MIN_PRESENCE, Doubt, Face, Found, turn_of, without_twins
from .head_parser import HeadParser
from .mesh import LEFT_EYE, N_POINTS, RIGHT_EYE
from .networks import MESH_PX, FaceNetworks
from .pyramid import Pyramid
from .reduction import reduce_blocks
from .scan import MIN_SHARE_OF_PHOTO, Scan, scan
from .tone import as_grey, is_tinted
from .uprightness import DOUBTFUL_SCORE, right_way_up
from .warp import sample_affine

__all__ = ["Face", "FaceFinder", "Found", "turn_of"]

SURE_PRESENCE = 0.97
"""Minimum presence of a low-score detection. Of 1,487 false candidates in 600 pictures without a face none
has 0.9; a model of a space shuttle in a photo with a face has 0.96."""
LIKELY_SCORE = 0.3
"""Candidates with a lower score are ignored."""
MAX_FITS = 3
QUARTER_TURNS = (0, 1, 3, 2)
STEADY_SHARE = 0.01  # of half the square: the fit has converged when landmarks move less


@dataclass(frozen=True, eq=False)
class _Look:
    """The result of one search of a photo after ``turns`` quarter turns; see Found."""

    faces: list[Face]
    refused: tuple[Detection, ...]
    turns: int
    min_face_px: float
    windows: int
    meshes: int


class FaceFinder:
    """Finds faces; holds the two networks and is thread-safe."""

    def __init__(self, threads: int = 0, networks: FaceNetworks | None = None) -> None:
        """``networks`` opens them, by default on the CPU with ``threads`` cores (0: OpenVINO's choice)."""
        networks = networks or FaceNetworks(threads or None)
        self._detector = FaceDetector(networks.detector)
        self._mesh = networks.mesh()
        self._warm_up()

    def _warm_up(self) -> None:
        """Run the networks of every photo once, and so open the detector for its smallest squares."""
        self._detector.detect(np.zeros((SIDES_PX[0], SIDES_PX[0], 3), np.uint8), 0, 0, INPUT_PX, 1.0)
        self._run_mesh(
            np.zeros((MESH_PX, MESH_PX, 3), np.uint8), np.full(2, MESH_PX / 2), np.array([1.0, 0.0]), MESH_PX
        )

    def find(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> list[Face]:
        """All faces in an RGB picture [H, W, 3] uint8, largest first; see `look`."""
        return list(self.look(rgb, min_face_px).faces)

    def look(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> Found:
        """Find all faces of an RGB picture [H, W, 3] uint8 that are at least ``min_face_px`` wide.

        None ignores faces that are small relative to the photo or its largest face (see `scan`). If no face
        is found, the photo is also searched after rotation by 90, 270 and 180 degrees, and a photo of one
        tone, such as sepia, in greys. Raises EngineError.
        """
        looks = self._look_all_round(rgb, min_face_px)
        if not any(look.faces for look in looks) and is_tinted(rgb):
            looks += self._look_all_round(np.repeat(as_grey(rgb)[..., None], 3, axis=2), min_face_px)
        last = looks[-1] if looks[-1].faces else looks[0]
        faces = without_twins([face for look in looks for face in look.faces])
        return Found(
            tuple(sorted(faces, key=lambda face: -face.width_px)),
            last.refused,
            last.min_face_px,
            last.turns,
            sum(look.windows for look in looks),
            sum(look.meshes for look in looks),
        )

    def _look_all_round(self, rgb: NDArray[np.uint8], min_face_px: float | None) -> list[_Look]:
        """Search the photo, and after quarter turns until a face is found."""
        upright = Pyramid(rgb)
        looks: list[_Look] = []
        for turns in QUARTER_TURNS:
            looks.append(self._look_turned(rgb, upright, turns, min_face_px))
            if looks[-1].faces:
                on_top = {face.turns_upright for face in looks[-1].faces}
                if len(on_top) == 1 and not on_top <= {0, turns}:  # all lie on the same side: look there too
                    looks.append(self._look_turned(rgb, upright, on_top.pop(), min_face_px))
                break
        return looks

    def explain(self, rgb: NDArray[np.uint8], found: Found, parser: HeadParser) -> Found:
        """The result of `look`, with findings on the most likely position if no face was found.

        Raises EngineError.
        """
        if found.faces:
            return found
        if found.min_face_px > max(MIN_FACE_PX, MIN_SHARE_OF_PHOTO * max(rgb.shape[:2])):
            smaller = self.look(rgb).faces
            if smaller:
                x0, y0, x1, y1 = smaller[0].box
                at = Detection((x0, y0, x1, y1), (x0, y0), (x1, y0), smaller[0].score)
                return replace(found, doubt=Doubt(at, too_small=True))
        likely = [one for one in found.refused if one.score >= LIKELY_SCORE]
        if not likely:
            return found
        best = max(likely, key=lambda one: one.score)
        return replace(found, doubt=examine(rgb, best, self._fit_once(rgb, best), parser))

    def _look_turned(
        self, rgb: NDArray[np.uint8], upright: Pyramid, turns: int, min_face_px: float | None
    ) -> _Look:
        """Search the photo after ``turns`` quarter turns; results are in the coordinates of the photo itself.

        A low-score detection counts as a face if the mesh is confident.
        """
        turned = upright.turned(turns) if turns else upright
        seen = _turned_back(scan(self._detector, turned, min_face_px), turns, rgb)
        likely = [*seen.faces, *(one for one in seen.suspects if one.score >= LIKELY_SCORE)]
        faces: list[Face] = []
        refused: list[Detection] = []
        windows, meshes = seen.windows, 0
        for first in likely:
            one = right_way_up(self._detector, upright, first)
            windows += first.score < DOUBTFUL_SCORE
            face, runs = self._fit_mesh(rgb, one)
            meshes += runs
            if face is None or (one.score < MIN_SCORE and face.presence < SURE_PRESENCE):
                refused.append(one)
            else:
                faces.append(face)
        refused += [one for one in seen.suspects if one.score < LIKELY_SCORE]
        return _Look(faces, tuple(refused), turns, seen.min_face_px, windows, meshes)

    def _fit_mesh(self, rgb: NDArray[np.uint8], detection: Detection) -> tuple[Face | None, int]:
        """Fit the mesh inside the detector's box, then inside the last fit, until it converges.

        Also returns how often the network ran.
        """
        across = np.subtract(detection.left_eye, detection.right_eye)
        return self._settle(rgb, detection.centre, across, _half_square(detection), detection.score)

    def _fit_once(self, rgb: NDArray[np.uint8], detection: Detection) -> Face:
        """Fit the mesh once inside the detector's box, whatever its confidence."""
        half = _half_square(detection)
        around = _reduced_around(rgb, detection.centre, half)
        centre = around.to_reduced(np.array(detection.centre))
        across = np.subtract(detection.left_eye, detection.right_eye)
        presence, points = self._run_mesh(around.rgb, centre, across, half / around.factor)
        points = around.to_photo(points)
        return Face(points, detection.score, presence, canonical_frame(points))

    def follow(self, rgb: NDArray[np.uint8], face: Face) -> Face | None:
        """Track a face into the next picture of a video, [H, W, 3] uint8, by fitting the mesh again.

        Only its last position is searched. None if the mesh finds no face there.
        """
        points = face.landmarks
        low, high = points.min(axis=0), points.max(axis=0)
        across = points[list(LEFT_EYE)].mean(0) - points[list(RIGHT_EYE)].mean(0)
        middle = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)
        return self._settle(rgb, middle, across, 0.75 * float((high - low).max()), face.score)[0]

    def _settle(
        self,
        rgb: NDArray[np.uint8],
        middle: tuple[float, float],
        across: NDArray[np.float64],
        half: float,
        score: float,
    ) -> tuple[Face | None, int]:
        """Fit the mesh in a square around ``middle`` until it converges; also returns how often it ran."""
        around = _reduced_around(rgb, middle, half)
        centre = around.to_reduced(np.array(middle))
        half /= around.factor
        presence, points = self._run_mesh(around.rgb, centre, across, half)
        runs = 1
        while presence >= MIN_PRESENCE and runs < MAX_FITS:
            across = points[list(LEFT_EYE)].mean(0) - points[list(RIGHT_EYE)].mean(0)
            centre = (points.min(0) + points.max(0)) / 2
            half = 0.75 * float((points.max(0) - points.min(0)).max())
            before = points
            presence, points = self._run_mesh(around.rgb, centre, across, half)
            runs += 1
            if np.abs(points - before).mean() < STEADY_SHARE * half:
                break
        if presence < MIN_PRESENCE:
            return None, runs
        points = around.to_photo(points)
        return Face(points, score, presence, canonical_frame(points)), runs

    def _run_mesh(
        self, rgb: NDArray[np.uint8], centre: NDArray[np.float64], across: NDArray[np.float64], half: float
    ) -> tuple[float, NDArray[np.float64]]:
        across = across / max(float(np.hypot(*across)), 1e-9) * half
        roi = Frame((float(centre[0]), float(centre[1])), (float(across[0]), float(across[1]))).to_photo(
            MESH_PX
        )
        crop = sample_affine(rgb, roi, (MESH_PX, MESH_PX))
        pixels = crop[None].astype(np.float32) / np.float32(255.0)
        by_size = sorted((np.asarray(v).ravel() for v in self._mesh(pixels)), key=lambda a: a.size)
        presence = 1.0 / (1.0 + np.exp(-float(by_size[0][0])))
        points = by_size[1].reshape(N_POINTS, 3)[:, :2].astype(np.float64)
        return float(presence), apply_affine(roi, points)


def _half_square(detection: Detection) -> float:
    """Half the side of the square in which the mesh is fitted, in px."""
    x0, y0, x1, y1 = detection.box
    return 0.75 * max(x1 - x0, y1 - y0)


def _turned_back(seen: Scan, turns: int, rgb: NDArray[np.uint8]) -> Scan:
    """A scan of the rotated photo in the coordinates of the photo itself."""
    size = (rgb.shape[1], rgb.shape[0])
    faces, suspects = (
        tuple(one.turned_back(turns, *size) for one in some) for some in (seen.faces, seen.suspects)
    )
    return replace(seen, faces=faces, suspects=suspects)


@dataclass(frozen=True, eq=False)
class _Around:
    """The surroundings of a face: a part of the photo from ``corner`` on, reduced ``factor`` times."""

    rgb: NDArray[np.uint8]
    corner: NDArray[np.int64]
    factor: int

    def to_reduced(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - self.corner) / self.factor)

    def to_photo(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points * self.factor + self.corner)


def _reduced_around(rgb: NDArray[np.uint8], centre: tuple[float, float], half: float) -> _Around:
    """The photo around a face with a square of 2 x ``half`` px, at about the mesh's resolution.

    Large enough for the square to rotate and to grow by 40 %, as the mesh is fitted several times in it.
    """
    factor = max(1, int(2 * half / MESH_PX + 1e-6))
    limit = np.array([rgb.shape[1], rgb.shape[0]])
    low = np.clip(np.floor(np.subtract(centre, 2 * half)), 0, limit - 1).astype(np.int64)
    high = np.clip(np.ceil(np.add(centre, 2 * half)), low + 1, limit).astype(np.int64)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    return _Around(reduce_blocks(part, factor) if factor > 1 else part, low, factor)
