"""Tracks faces from picture to picture.

A known face is tracked by its mesh at its last position. Periodically, and after every cut, the whole picture
is searched; a new face is tracked back to the picture in which it first appears.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..face.alignment import apply_affine, canonical_frame
from ..face.finder import Face
from ..face.line_strength import skin_pattern
from ..face.networks import MESH_PX
from ..face.region_masks import edit_mask
from ..face.tone import read_tone
from ..face.warp import sample_affine
from ..pipeline.pipeline import Pipeline
from .people import alike, look_of
from .picture import Box, Picture
from .tracks import LandmarkStore, Reading, Track

AROUND = 1.25
"""Half the side of the crop in which the mesh is fitted, relative to the face's size."""
FAR = 0.5
"""A face farther than this share of its size from its last position is another face."""
TWINS = 0.34
STAYS = 0.15
STAYS_ALIKE = 0.85
READ_PX = 256
MANY_READINGS = 30


@dataclass(eq=False)
class _Followed:
    """An active track: the face when last found, and the number of pictures for which it is lost."""

    track: Track
    face: Face
    lost: int = 0
    searches: int = 0


class Follower:
    """Tracks all faces of a video; `feed` it the pictures in order, then call `finish`.

    The whole picture is searched every ``search_every`` pictures, and as many pictures are kept to track new
    faces back. A track survives losses of up to ``bridge`` pictures.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        store: LandmarkStore,
        search_every: int,
        bridge: int,
        min_face_px: float | None = None,
    ) -> None:
        self._pipeline, self._store = pipeline, store
        self._every, self._bridge, self._min_face_px = max(search_every, 1), bridge, min_face_px
        self._active: list[_Followed] = []
        self._past: deque[tuple[int, Picture]] = deque(maxlen=self._every)
        self._since_search = 0
        self.tracks: list[Track] = []

    def feed(self, number: int, picture: Picture, is_cut: bool) -> None:
        """Track the faces into the next picture; with ``cut`` it begins a new shot."""
        begins = is_cut or not number
        if is_cut:
            self._search_last()
            self._past.clear()
            self._active = [one for one in self._active if self._stays(one, number, picture)]
        else:
            for one in list(self._active):
                self._step(one, number, picture)
        self._drop_twins()
        if begins or self._since_search >= self._every:
            self._search(number, picture, begins)
        self._since_search += 1
        self._past.append((number, picture))

    def finish(self) -> list[Track]:
        """End all tracks and return the non-empty ones."""
        self._search_last()
        for one in self._active:
            one.track.cut_out = not one.lost
        for track in self.tracks:
            track.put_in_order()
        return [track for track in self.tracks if len(track.frames)]

    def _step(self, one: _Followed, number: int, picture: Picture) -> None:
        found = self._fit(picture, one.face)
        if found is None and one.lost:
            found = self._look_near(picture, one.face)
        if found is None:
            one.lost += 1
            if one.lost > self._bridge:
                self._active.remove(one)
            return
        self._note(one.track, number, found)
        one.face, one.lost = found, 0

    def _stays(self, one: _Followed, number: int, picture: Picture) -> bool:
        """After a possible cut: whether the same face is still in its position, as after a flash."""
        found = self._fit(picture, one.face)
        if found is not None and one.track.readings and _apart(found, one.face) < STAYS:
            box = _box_around(found, picture) or (0, 0, picture.width, picture.height)
            look = look_of(picture.rgb(box), _moved(found, box, 1).frame)
            if max(alike(look, reading.look) for reading in one.track.readings) > STAYS_ALIKE:
                self._note(one.track, number, found)
                one.face, one.lost = found, 0
                return True
        one.track.cut_out = not one.lost
        return False

    def _fit(self, picture: Picture, face: Face) -> Face | None:
        """Fit the mesh around the last position, in a crop at about the mesh's scale."""
        box = _box_around(face, picture)
        if box is None:
            return None
        size = float(np.ptp(face.landmarks, axis=0).max())
        factor = max(1, int(1.5 * size / MESH_PX + 1e-6))
        if min(box[2] - box[0], box[3] - box[1]) < 2 * factor:
            return None
        near = self._pipeline.follow(picture.rgb(box, factor), _moved(face, box, factor))
        if near is None:
            return None
        points = near.landmarks * factor + (box[0], box[1])
        found = replace(face, landmarks=points, presence=near.presence, frame=canonical_frame(points))
        return found if _apart(found, face) < FAR else None

    def _look_near(self, picture: Picture, face: Face) -> Face | None:
        """The nearest face that the detector finds around the position where one was lost."""
        box = _box_around(face, picture, 2 * AROUND)
        if box is None:
            return None
        faces = [_back(one, box) for one in self._pipeline.look(picture.rgb(box), 0.5 * face.width_px).faces]
        near = [one for one in faces if _apart(one, face) < FAR]
        return min(near, key=lambda one: _apart(one, face)) if near else None

    def _search(self, number: int, picture: Picture, begins: bool) -> None:
        """Search the whole picture: read known faces, begin tracks for new ones."""
        self._since_search = 0
        rgb = picture.rgb()
        for face in self._pipeline.look(rgb, self._min_face_px).faces:
            known = [one for one in self._active if _apart(face, one.face) < FAR]
            if known:
                lost = [one for one in known if one.lost]
                for one in lost[:1]:
                    self._note(one.track, number, face)
                    one.face, one.lost = face, 0
                continue
            track = Track(len(self.tracks), cut_in=begins)
            self.tracks.append(track)
            self._note(track, number, face)
            if not begins:
                self._follow_back(track, face)
            self._active.append(_Followed(track, face))
        for one in self._active:
            if one.lost:
                continue
            one.searches += 1
            if len(one.track.readings) < MANY_READINGS or one.searches % 4 == 0:
                one.track.readings.append(self._read(rgb, number, one.face))

    def _search_last(self) -> None:
        """Search the last picture of a shot for faces that appeared since the last search."""
        if self._past and self._since_search > 1:
            number, picture = self._past.pop()
            self._search(number, picture, False)

    def _follow_back(self, track: Track, face: Face) -> None:
        """Track a new face back through the earlier pictures in which it is visible."""
        for number, picture in reversed(self._past):
            found = self._fit(picture, face)
            if found is None or any(_apart(found, one.face) < TWINS for one in self._active):
                return
            self._note(track, number, found)
            face = found
            track.cut_in = number == self._past[0][0] and not number

    def _drop_twins(self) -> None:
        """If two tracks have converged to the same face, end the newer one."""
        for one in sorted(self._active, key=lambda one: -one.track.number):
            others = (o for o in self._active if o is not one and o.track.number < one.track.number)
            if any(not o.lost and _apart(one.face, o.face) < TWINS for o in others):
                self._active.remove(one)

    def _note(self, track: Track, number: int, face: Face) -> None:
        track.frames.append(number)
        track.rows.append(self._store.append(face.landmarks))
        track.presences.append(face.presence)

    def _read(self, rgb: NDArray[np.uint8], number: int, face: Face) -> Reading:
        """Measure a face of a whole picture."""
        unit = apply_affine(face.frame.to_frame(1), face.landmarks)
        cut = sample_affine(rgb, face.frame.to_photo(READ_PX), (READ_PX, READ_PX))
        tone = read_tone(cut, edit_mask(unit, READ_PX))
        return Reading(
            number,
            self._pipeline.read_ages(rgb, face),
            face.turn,
            face.width_px,
            look_of(rgb, face.frame),
            skin_pattern(cut, unit, self._pipeline.manifest.patterns),
            tone.share,
            tone.slopes,
        )


def _apart(one: Face, other: Face) -> float:
    """Distance of two faces: the mean distance of their landmarks relative to the larger face's size."""
    size = max(float(np.ptp(face.landmarks, axis=0).max()) for face in (one, other))
    return float(np.hypot(*(one.landmarks - other.landmarks).T).mean()) / max(size, 1e-6)


def _box_around(face: Face, picture: Picture, reach: float = AROUND) -> Box | None:
    """The crop of a picture around a face, or None if it is outside."""
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    middle, half = (low + high) / 2, reach * float((high - low).max())
    limit = np.array([picture.width, picture.height])
    x0, y0 = (int(v) for v in np.clip(np.floor(middle - half), 0, limit))
    x1, y1 = (int(v) for v in np.clip(np.ceil(middle + half), 0, limit))
    return (x0, y0, x1, y1) if min(x1 - x0, y1 - y0) >= 8 else None


def _moved(face: Face, box: Box, factor: int) -> Face:
    """The face in coordinates of a crop of the picture, ``factor`` times smaller."""
    points = (face.landmarks - (box[0], box[1])) / factor
    return replace(face, landmarks=points, frame=canonical_frame(points))


def _back(face: Face, box: Box) -> Face:
    """The face of a crop in coordinates of the whole picture."""
    points = face.landmarks + np.array(box[:2])
    return replace(face, landmarks=points, frame=canonical_frame(points))
