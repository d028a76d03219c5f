"""libamgan for tests, called through ctypes."""

from __future__ import annotations

import ctypes as c
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.bundle.bundle import SHIPPED
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.files import file_sha256
from support.capi_structures import AGES, SIZES, TEXTS, Info, ZoneAges, frame_of, map_of

OK, ARGUMENT, BUNDLE, DEVICE, ENGINE, MEMORY = range(6)


class AmganError(Exception):
    """A status other than AMGAN_OK, and the library's sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Library:
    """The functions of amgan.h."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = raw = c.CDLL(str(path))
        for name in ("amgan_version", "amgan_last_error", "amgan_status_text", "amgan_zone_name"):
            getattr(raw, name).restype = c.c_char_p
        raw.amgan_open.argtypes = (c.c_char_p, c.c_char_p, c.c_char_p, c.POINTER(c.c_void_p))
        raw.amgan_close.argtypes = (c.c_void_p,)
        raw.amgan_close.restype = None
        raw.amgan_get_info.argtypes = (c.c_void_p, c.c_void_p, c.c_size_t)
        pointer = c.c_void_p
        raw.amgan_age.argtypes = (*(pointer,) * 6, c.c_ssize_t)
        raw.amgan_age_zones.argtypes = (*(pointer,) * 7, c.c_ssize_t)
        raw.amgan_face_coordinates.argtypes = (pointer, pointer, c.c_int32, c.c_int32, pointer)
        raw.amgan_line_strength.argtypes = (pointer, pointer, pointer, pointer)
        raw.amgan_choose_pattern.argtypes = (pointer, pointer, pointer)
        raw.amgan_read_zones.argtypes = (pointer, pointer, pointer, pointer)
        raw.amgan_face_age.argtypes = (pointer, pointer)
        raw.amgan_move_zones.argtypes = (pointer, pointer, c.c_float, pointer)
        raw.amgan_zone_map.argtypes = (
            pointer, pointer, pointer, c.c_int32, c.c_int32, pointer, c.c_ssize_t,
        )  # fmt: skip
        raw.amgan_estimate.argtypes = (pointer, pointer, pointer, c.c_ssize_t)

    def face_age(self, ages: ZoneAges) -> float:
        """The age of a face as a whole."""
        years = c.c_float()
        self.check(self.raw.amgan_face_age(c.byref(ages), c.byref(years)))
        return years.value

    def check(self, status: int) -> None:
        """Raise AmganError for anything but AMGAN_OK."""
        if status != OK:
            raise AmganError(status, self.raw.amgan_last_error().decode())

    def open(self, folder: Path | str, device: str | None = "cpu", precision: str | None = None) -> Handle:
        """Open a bundle."""
        handle = c.c_void_p(1)
        texts = [None if text is None else str(text).encode() for text in (folder, device, precision)]
        status = self.raw.amgan_open(*texts, c.byref(handle))
        if status != OK:
            assert handle.value is None
        self.check(status)
        return Handle(self, handle)


class Handle:
    """An opened bundle."""

    def __init__(self, library: Library, handle: c.c_void_p) -> None:
        self.library, self.handle = library, handle

    def close(self) -> None:
        """Close it."""
        self.library.raw.amgan_close(self.handle)
        self.handle = c.c_void_p(None)

    def info(self) -> dict[str, Any]:
        """What it is and takes."""
        info = Info()
        self.library.check(self.library.raw.amgan_get_info(self.handle, c.byref(info), c.sizeof(info)))
        return {name: getattr(info, name) for name in (*TEXTS, *SIZES, *AGES, "patterns")}

    def age(
        self,
        padded: NDArray[np.uint8],
        margin: int,
        years: NDArray[np.float32],
        map_margin: int = 0,
        landmarks: NDArray[np.float64] | None = None,
        out: NDArray[np.uint8] | None = None,
        pattern: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint8]:
        """Age a frame with a margin of real pixels; the map has a margin of cells, too."""
        frame = frame_of(padded, margin)
        out = np.zeros((frame.side_px, frame.side_px, 3), np.uint8) if out is None else out
        wanted = map_of(years, map_margin)
        points = None if landmarks is None else np.ascontiguousarray(landmarks, np.float64).ctypes.data
        self.library.check(
            self.library.raw.amgan_age(
                self.handle,
                c.byref(frame),
                c.byref(wanted),
                points,
                _address(pattern),
                out.ctypes.data,
                out.strides[0],
            )
        )
        return out

    def age_zones(
        self,
        padded: NDArray[np.uint8],
        margin: int,
        landmarks: NDArray[np.float64],
        ages: ZoneAges,
        now: ZoneAges | None = None,
        pattern: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint8]:
        """Age a frame zone by zone, where ``ages`` differ from those ``now``."""
        frame = frame_of(padded, margin)
        out = np.zeros((frame.side_px, frame.side_px, 3), np.uint8)
        points = np.ascontiguousarray(landmarks, np.float64)
        self.library.check(
            self.library.raw.amgan_age_zones(
                self.handle,
                c.byref(frame),
                points.ctypes.data,
                c.byref(ages),
                None if now is None else c.byref(now),
                _address(pattern),
                out.ctypes.data,
                out.strides[0],
            )
        )
        return out

    def read_zones(
        self, landmarks: NDArray[np.float64], years: NDArray[np.float32], margin: int = 0
    ) -> ZoneAges:
        """The ages that a map with a margin of cells shows."""
        ages, shown = ZoneAges(), map_of(years, margin)
        points = np.ascontiguousarray(landmarks, np.float64)
        raw = self.library.raw
        self.library.check(
            raw.amgan_read_zones(self.handle, points.ctypes.data, c.byref(shown), c.byref(ages))
        )
        return ages

    def move_zones(self, now: ZoneAges, years: float) -> ZoneAges:
        """The ages that make a face look so old."""
        ages = ZoneAges()
        self.library.check(self.library.raw.amgan_move_zones(self.handle, c.byref(now), years, c.byref(ages)))
        return ages

    def zone_map(
        self, landmarks: NDArray[np.float64], ages: ZoneAges, side: int, margin: int = 0
    ) -> NDArray[np.float32]:
        """The aging map of a face with these ages."""
        out = np.zeros((side + 2 * margin, side + 2 * margin), np.float32)
        points = np.ascontiguousarray(landmarks, np.float64)
        self.library.check(
            self.library.raw.amgan_zone_map(
                self.handle, points.ctypes.data, c.byref(ages), side, margin, out.ctypes.data, out.strides[0]
            )
        )
        return out

    def coordinates(self, landmarks: NDArray[np.float64], side: int, margin: int) -> NDArray[np.float32]:
        """u, v and inside of every cell."""
        out = np.zeros((3, side + 2 * margin, side + 2 * margin), np.float32)
        points = np.ascontiguousarray(landmarks, np.float64)
        raw = self.library.raw
        self.library.check(
            raw.amgan_face_coordinates(self.handle, points.ctypes.data, side, margin, out.ctypes.data)
        )
        return out

    def choose_pattern(self, landmarks: NDArray[np.float64]) -> NDArray[np.float32]:
        """The mixing weights of a face."""
        out = np.zeros(self.info()["patterns"], np.float32)
        points = np.ascontiguousarray(landmarks, np.float64)
        raw = self.library.raw
        self.library.check(raw.amgan_choose_pattern(self.handle, points.ctypes.data, out.ctypes.data))
        return out

    def skin_pattern(
        self, frame: NDArray[np.uint8], landmarks: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """The pattern of a face that is given none: its weights times how strong lines may be."""
        points = mean_face().points[:N_POINTS] if landmarks is None else landmarks
        return self.choose_pattern(points) * self.line_strength(np.ascontiguousarray(frame), points)

    def line_strength(self, frame: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> np.float32:
        """How strong lines may be on the skin of a face."""
        strength = c.c_float()
        points = np.ascontiguousarray(landmarks, np.float64)
        given = frame_of(frame, 0)
        self.library.check(
            self.library.raw.amgan_line_strength(
                self.handle, c.byref(given), points.ctypes.data, c.byref(strength)
            )
        )
        return np.float32(strength.value)

    def estimate(self, padded: NDArray[np.uint8], margin: int = 0) -> NDArray[np.float32]:
        """Ages of every place of a frame."""
        frame = frame_of(padded, margin)
        grid = self.info()["estimator_grid"]
        out = np.zeros((grid, grid), np.float32)
        self.library.check(
            self.library.raw.amgan_estimate(self.handle, c.byref(frame), out.ctypes.data, out.strides[0])
        )
        return out


def _address(array: NDArray[np.float32] | None) -> int | None:
    return None if array is None else array.ctypes.data


def cut_frame(photo: NDArray[np.uint8], face: Face, side: int, margin: int) -> NDArray[np.uint8]:
    """The canonical frame of a face with a margin of real pixels."""
    matrix = face.frame.to_photo(side)
    matrix[:, 2] += matrix[:, :2] @ (-margin, -margin)
    return sample_affine(photo, matrix, (side + 2 * margin, side + 2 * margin))


def write_broken(folder: Path, content: bytes, name: str = "generator.onnx") -> Path:
    """The shipped bundle with another network in it, its hash put right."""
    shutil.copytree(SHIPPED, folder)
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = file_sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
