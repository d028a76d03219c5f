"""Tracks: the positions of one face in the pictures of one shot, and storage for all tracks of a video."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..face.finder import Face
from ..face.mesh import N_POINTS
from ..files import whole_file

_ROW_BYTES = N_POINTS * 2 * 4


@dataclass(frozen=True, eq=False)
class Reading:
    """One full measurement of a face: its ages in years, its yaw (``turn``), its appearance (people.py).

    ``tone_share`` and ``tone_slopes`` float32 [256, 3] are those of face/tone.py, ``pattern`` float32 [K]
    mixing weights times line strength.
    """

    frame: int
    ages: FaceAges
    turn: float
    width_px: float
    look: NDArray[np.float32]
    pattern: NDArray[np.float32]
    tone_share: float
    tone_slopes: NDArray[np.float32]


@dataclass(eq=False)
class Track:
    """One face in one shot.

    ``frames`` are the numbers of its pictures, ``rows`` the rows of their landmarks in the store,
    ``presences`` the mesh's confidences. A track that begins or ends with its shot does not fade (``cut_in``,
    ``cut_out``).
    """

    number: int
    frames: array[int] = field(default_factory=lambda: array("l"))
    rows: array[int] = field(default_factory=lambda: array("l"))
    presences: array[float] = field(default_factory=lambda: array("f"))
    readings: list[Reading] = field(default_factory=list)
    cut_in: bool = False
    cut_out: bool = False

    def put_in_order(self) -> None:
        """Sort the pictures by time, after tracking backwards."""
        order = np.argsort(np.asarray(self.frames), kind="stable")
        self.frames = array("l", np.asarray(self.frames)[order].tolist())
        self.rows = array("l", np.asarray(self.rows)[order].tolist())
        self.presences = array("f", np.asarray(self.presences)[order].tolist())


class LandmarkStore:
    """Landmarks, float32 [468, 2] each, in a file, as those of long videos take too much memory."""

    def __init__(self, path: Path) -> None:
        """Create an empty store, overwriting the file; raises OSError."""
        self._path = path
        self._stream = path.open("w+b")
        self._count = 0

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._count

    def append(self, landmarks: NDArray[np.floating]) -> int:
        """Add landmarks [468, 2]; returns their row."""
        self._stream.write(np.asarray(landmarks, "<f4").tobytes())
        self._count += 1
        return self._count - 1

    def close(self) -> None:
        """Write buffered rows and close the file; raises OSError."""
        self._stream.close()


@dataclass(frozen=True)
class LandmarkRows:
    """The landmarks of a closed store, float32 [468, 2] per row, read from its file on access.

    This is no memory map, whose pages would stay in the process for the rest of a long video.
    """

    path: Path

    def __getitem__(self, row: int) -> NDArray[np.float32]:
        """One row; raises OSError if the file cannot be read, IndexError if it has fewer rows."""
        found = np.fromfile(self.path, "<f4", 2 * N_POINTS, offset=row * _ROW_BYTES)
        if found.size < 2 * N_POINTS:
            raise IndexError(f"'{self.path}' holds no row {row}")
        return found.reshape(N_POINTS, 2)


@dataclass(eq=False)
class Analysis:
    """Analysis of a video: times of its pictures, its tracks, and the people they belong to.

    ``keys`` are the pictures' times in the time base of the video (numbers for a folder); ``length`` is the
    duration of the last one; ``cuts`` are the pictures that begin shots; ``people`` are lists of track
    numbers, one per person, the most prominent first. ``seekable`` is whether pictures can be found by time.
    """

    keys: array[int]
    length: int
    seekable: bool
    tracks: list[Track]
    cuts: list[int]
    people: list[list[int]]

    def save(self, path: Path, key: str) -> None:
        """Write it to a file, with the key of its dependencies; raises OSError."""
        head = {
            "key": key,
            "length": self.length,
            "seekable": self.seekable,
            "cuts": self.cuts,
            "people": self.people,
            "tracks": [{"number": t.number, "cut_in": t.cut_in, "cut_out": t.cut_out} for t in self.tracks],
            "readings": [[_described(one) for one in t.readings] for t in self.tracks],
        }
        arrays: dict[str, Any] = {"keys": np.asarray(self.keys, np.int64), "head": np.array(json.dumps(head))}
        for track in self.tracks:
            arrays[f"frames{track.number}"] = np.asarray(track.frames, np.int64)
            arrays[f"rows{track.number}"] = np.asarray(track.rows, np.int64)
            arrays[f"presences{track.number}"] = np.asarray(track.presences, np.float32)
            arrays |= _arrays_of(track)
        with whole_file(path) as temporary, temporary.open("xb") as stream:
            np.savez(stream, **arrays)

    @classmethod
    def load(cls, path: Path, key: str) -> Analysis | None:
        """Read it back; None if the file has another key or is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                head = json.loads(str(arrays["head"]))
                if head["key"] != key:
                    return None
                tracks = [
                    _track(arrays, words, readings)
                    for words, readings in zip(head["tracks"], head["readings"], strict=True)
                ]
                keys = array("q", arrays["keys"].tolist())
        except (OSError, ValueError, KeyError, EOFError):
            return None
        return cls(keys, head["length"], head["seekable"], tracks, head["cuts"], head["people"])


def face_of_row(rows: LandmarkRows, row: int, presence: float) -> Face:
    """The face of a stored row."""
    from ..face.alignment import canonical_frame

    landmarks = np.asarray(rows[row], np.float64)
    return Face(landmarks, 1.0, presence, canonical_frame(landmarks))


def _described(one: Reading) -> dict[str, Any]:
    return {
        "frame": one.frame,
        "base": one.ages.base,
        "parts": dict(one.ages.parts),
        "turn": one.turn,
        "width_px": one.width_px,
        "tone_share": one.tone_share,
    }


def _arrays_of(track: Track) -> dict[str, NDArray[np.float32]]:
    if not track.readings:
        return {}
    stacked: dict[str, Sequence[NDArray[np.float32]]] = {
        "looks": [one.look for one in track.readings],
        "patterns": [one.pattern for one in track.readings],
        "slopes": [one.tone_slopes for one in track.readings],
    }
    return {f"{name}{track.number}": np.stack(list(values)) for name, values in stacked.items()}


def _track(arrays: Any, words: dict[str, Any], readings: list[dict[str, Any]]) -> Track:
    number = words["number"]
    found = [
        Reading(
            one["frame"],
            FaceAges(one["base"], one["parts"]),
            one["turn"],
            one["width_px"],
            arrays[f"looks{number}"][i],
            arrays[f"patterns{number}"][i],
            one["tone_share"],
            arrays[f"slopes{number}"][i],
        )
        for i, one in enumerate(readings)
    ]
    return Track(
        number,
        array("l", arrays[f"frames{number}"].tolist()),
        array("l", arrays[f"rows{number}"].tolist()),
        array("f", arrays[f"presences{number}"].tolist()),
        found,
        words["cut_in"],
        words["cut_out"],
    )
