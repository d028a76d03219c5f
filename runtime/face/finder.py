"""Faces of a photo and their 468 landmarks (MediaPipe's detector and face mesh, run by OpenVINO)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.openvino_network import compile_network
from .alignment import Frame, apply_affine, canonical_frame
from .detector import INPUT_PX, Detection, FaceDetector
from .mesh import LEFT_EYE, N_POINTS, NOSE_TIP, RIGHT_EYE, raise_hairline
from .pyramid import Pyramid
from .scan import Scan, scan
from .uprightness import DOUBTFUL_SCORE, right_way_up
from .warp import reduce_blocks, sample_affine

MODELS = Path(__file__).parent / "models"
MESH_PX = 192
MIN_PRESENCE = 0.5
MAX_FITS = 3
QUARTER_TURNS = (0, 1, 3, 2)
STEADY_SHARE = 0.01  # of half the square: landmarks that move less are not fitted again
_warming_up = threading.Lock()


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo.

    ``landmarks`` are [468, 2] float64 in photo pixels; ``score`` and ``presence`` (0..1) are what the
    detector and the mesh say of it; ``frame`` is its canonical frame.
    """

    landmarks: NDArray[np.float64]
    score: float
    presence: float
    frame: Frame

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Corners x0, y0, x1, y1 of the landmarks' bounding box, in photo pixels."""
        low, high = self.landmarks.min(axis=0), self.landmarks.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """Corners x0, y0, x1, y1 of what may change: the landmarks' box and the forehead, in photo px."""
        points = raise_hairline(self.landmarks)
        low, high = points.min(axis=0), points.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def width_px(self) -> float:
        """Width of the landmarks' bounding box in photo pixels."""
        return self.box[2] - self.box[0]

    @property
    def turn(self) -> float:
        """How far the head is turned aside, see turn_of."""
        return turn_of(self.landmarks)


def turn_of(landmarks: NDArray[np.floating]) -> float:
    """How far a head with landmarks [468, 2] is turned: 0 is frontal, about 1 a half profile, either sign."""
    right, left = landmarks[list(RIGHT_EYE)].mean(0), landmarks[list(LEFT_EYE)].mean(0)
    across = left - right
    middle = (landmarks[NOSE_TIP] - (left + right) / 2) @ across / max(float(across @ across), 1e-9)
    return float(2.0 * middle)


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a photo, and how far it was looked.

    ``faces`` come largest first. ``refused`` are the detector's faces in which no mesh could be fitted and
    what it only suspected, best first. ``min_face_px`` is the width of the smallest faces looked for,
    ``quarter_turns`` how many quarter turns counter-clockwise the photo took until a face was found.
    ``windows`` counts the detector's runs, ``meshes`` those of the mesh.
    """

    faces: tuple[Face, ...]
    refused: tuple[Detection, ...]
    min_face_px: float
    quarter_turns: int
    windows: int
    meshes: int


class FaceFinder:
    """Finds faces; holds the two compiled networks and is safe to share between threads."""

    def __init__(self, threads: int = 0) -> None:
        cores = threads or None
        self._detector = FaceDetector(
            compile_network(MODELS / "face_detection_full_range.tflite", threads=cores)
        )
        self._mesh = compile_network(MODELS / "face_landmark.tflite", threads=cores)
        self._local = threading.local()
        self._warm_up()

    def _warm_up(self) -> None:
        """Run the networks once, in one thread.

        When OpenVINO's Python binding is first given an array it fills a static variable while Python code
        runs; where two threads come to that at the same time, each waits for the other for ever.
        """
        with _warming_up:
            self._detector.detect(np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8), 0, 0, INPUT_PX, 1.0)
            self._run_mesh(
                np.zeros((MESH_PX, MESH_PX, 3), np.uint8),
                np.full(2, MESH_PX / 2),
                np.array([1.0, 0.0]),
                MESH_PX,
            )

    def find(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> list[Face]:
        """All faces in an RGB picture [H, W, 3] uint8, largest first; see `look`."""
        return list(self.look(rgb, min_face_px).faces)

    def look(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> Found:
        """Look for all faces of an RGB picture [H, W, 3] uint8 that are ``min_face_px`` wide or more.

        None leaves out faces that are small compared with the photo or with its largest face (see `scan`).
        Where no face is found, the photo is looked at turned by 90, 270 and 180 degrees too.
        """
        upright = Pyramid(rgb)
        windows = meshes = 0
        refused: list[Detection] = []
        for turns in QUARTER_TURNS:
            pyramid = upright.turned(turns) if turns else upright
            seen = _turned_back(scan(self._detector, pyramid, min_face_px), turns, rgb)
            windows += seen.windows
            likely = [right_way_up(self._detector, upright, one) for one in seen.faces]
            windows += sum(one.score < DOUBTFUL_SCORE for one in seen.faces)
            fits = [self._fit_mesh(rgb, one) for one in likely]
            meshes += sum(runs for _, runs in fits)
            faces = _without_twins([face for face, _ in fits if face is not None])
            if not turns or faces:
                missed = [one for one, (face, _) in zip(likely, fits, strict=True) if face is None]
                refused = missed + list(seen.suspects)
            if faces:
                largest_first = tuple(sorted(faces, key=lambda face: -face.width_px))
                return Found(largest_first, tuple(refused), seen.min_face_px, turns, windows, meshes)
        return Found((), tuple(refused), seen.min_face_px, 0, windows, meshes)

    def _fit_mesh(self, rgb: NDArray[np.uint8], detection: Detection) -> tuple[Face | None, int]:
        """Fit the mesh inside the detector's box, then inside the last fit, until it stands still.

        Also how often the network ran.
        """
        x0, y0, x1, y1 = detection.box
        half = 0.75 * max(x1 - x0, y1 - y0)
        around = _reduced_around(rgb, ((x0 + x1) / 2, (y0 + y1) / 2), half)
        centre = around.to_reduced(np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
        across = np.subtract(detection.left_eye, detection.right_eye)
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
        return Face(points, detection.score, presence, canonical_frame(points)), runs

    def _run_mesh(
        self, rgb: NDArray[np.uint8], centre: NDArray[np.float64], across: NDArray[np.float64], half: float
    ) -> tuple[float, NDArray[np.float64]]:
        across = across / max(float(np.hypot(*across)), 1e-9) * half
        roi = Frame((float(centre[0]), float(centre[1])), (float(across[0]), float(across[1]))).to_photo(
            MESH_PX
        )
        crop = sample_affine(rgb, roi, (MESH_PX, MESH_PX))
        pixels = crop[None].astype(np.float32) / np.float32(255.0)
        outputs = self._mesh_request().infer({0: pixels})
        by_size = sorted((np.asarray(v).ravel() for v in outputs.values()), key=lambda a: a.size)
        presence = 1.0 / (1.0 + np.exp(-float(by_size[0][0])))
        points = by_size[1].reshape(N_POINTS, 3)[:, :2].astype(np.float64)
        return float(presence), apply_affine(roi, points)

    def _mesh_request(self) -> Any:
        """The request that belongs to this thread."""
        if not hasattr(self._local, "mesh"):
            self._local.mesh = self._mesh.create_infer_request()
        return self._local.mesh


def _turned_back(seen: Scan, turns: int, rgb: NDArray[np.uint8]) -> Scan:
    """A scan of the turned photo, in the coordinates of the photo itself."""
    size = (rgb.shape[1], rgb.shape[0])
    faces, suspects = (
        tuple(one.turned_back(turns, *size) for one in some) for some in (seen.faces, seen.suspects)
    )
    return replace(seen, faces=faces, suspects=suspects)


@dataclass(frozen=True, eq=False)
class _Around:
    """What lies around a face: a part of the photo from ``corner`` on, made ``factor`` times smaller."""

    rgb: NDArray[np.uint8]
    corner: NDArray[np.int64]
    factor: int

    def to_reduced(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - self.corner) / self.factor)

    def to_photo(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points * self.factor + self.corner)


def _reduced_around(rgb: NDArray[np.uint8], centre: tuple[float, float], half: float) -> _Around:
    """The photo around a face whose square is ``half`` px from centre to edge, at about the mesh's scale.

    Large enough for the square to turn and to grow by two fifths; the mesh is fitted several times in it.
    """
    factor = max(1, int(2 * half / MESH_PX + 1e-6))
    limit = np.array([rgb.shape[1], rgb.shape[0]])
    low = np.clip(np.floor(np.subtract(centre, 2 * half)), 0, limit - 1).astype(np.int64)
    high = np.clip(np.ceil(np.add(centre, 2 * half)), low + 1, limit).astype(np.int64)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    return _Around(reduce_blocks(part, factor) if factor > 1 else part, low, factor)


def _without_twins(faces: list[Face]) -> list[Face]:
    """Drop a face whose centre lies within a third of another's width (found in two windows)."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        centre = np.array(face.frame.centre)
        if all(
            np.hypot(*(centre - np.array(k.frame.centre))) > 0.34 * max(face.width_px, k.width_px)
            for k in kept
        ):
            kept.append(face)
    return kept
