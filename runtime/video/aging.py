"""Ages the people of a video picture by picture: starts faces on the engine and adds their changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ages.atlas_transfer import face_age
from ..ages.maps import FaceAges
from ..ages.request import Request
from ..engines.contract import Capabilities
from ..face.alignment import Frame, apply_affine, canonical_frame
from ..face.choice import pick, why_not
from ..face.detector import MIN_FACE_PX
from ..face.finder import Face
from ..face.paste import photo_changes
from ..face.tone import Tone
from ..pipeline.child_rule import why_a_child
from ..pipeline.drawn_plan import DrawnPlan
from ..pipeline.face_plan import FaceWork, plan_seen
from ..pipeline.pipeline import Pipeline
from ..pipeline.seen_face import SeenFace, update_seen_face
from .average import ChangeAverage
from .look import FaceLook, Looker
from .picture import Box, Picture
from .request import VideoRequest
from .steady import Course, Step, frontal, person_pattern
from .tracks import Track

BEYOND = 12
"""Largest margin in px, per px of step, that resampling reads around a frame with its halo."""


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a video: number from 1, tracks, and present ages in years, one for the whole video.

    ``reason`` says why the person is not aged; it is empty where they are.
    """

    number: int
    tracks: tuple[Track, ...]
    now: FaceAges
    width_px: float
    pattern: NDArray[np.float32]
    tone: Tone
    reason: str = ""

    @property
    def age(self) -> float:
        """Apparent age of the whole face in years."""
        return face_age(self.now)


@dataclass(frozen=True, eq=False)
class _Work:
    box: Box
    work: FaceWork
    look: FaceLook
    strength: float
    tone: Tone
    average: ChangeAverage
    frame: Future[NDArray[np.uint8]] | None


@dataclass(frozen=True, eq=False)
class StartedPicture:
    """A picture whose faces are on the engine; pass it to `finish_picture` once."""

    number: int
    picture: Picture
    works: tuple[_Work, ...]

    def cancel(self) -> None:
        """Cancel its faces."""
        for work in self.works:
            if work.frame is not None:
                work.frame.cancel()


def know_people(tracks: Sequence[Track], groups: Sequence[Sequence[int]]) -> list[Person]:
    """The people of a video, numbered from 1, with present ages as medians over the more frontal views."""
    by_number = {track.number: track for track in tracks}
    people = []
    for number, group in enumerate(groups, start=1):
        own = tuple(by_number[one] for one in group)
        readings = frontal(own)
        parts = readings[0].ages.parts
        now = FaceAges(
            float(np.median([one.ages.base for one in readings])),
            {name: float(np.median([one.ages.parts[name] for one in readings])) for name in parts},
        )
        tone = Tone(
            np.median([one.tone_slopes for one in readings], axis=0).astype(np.float32),
            float(np.median([one.tone_share for one in readings])),
        )
        width = float(np.median([one.width_px for one in readings]))
        people.append(Person(number, own, now, width, person_pattern(own), tone))
    return people


def choose_people(people: Sequence[Person], request: VideoRequest, faces: Sequence[Face]) -> list[Person]:
    """Set the reasons of the people who are not aged; ``faces`` are their faces, in the same order.

    A choice of faces applies to people: the most prominent counts as the largest.
    """
    base = request.base
    meant = {id(face) for face in pick(faces, base.faces)}
    chosen = []
    for person, face in zip(people, faces, strict=True):
        smallest = MIN_FACE_PX if base.min_face_px is None else base.min_face_px
        if id(face) not in meant:
            reason = why_not(base.faces)
        elif request.at(person.number, 0.0) is None:
            reason = "nothing is asked of this face"
        elif person.width_px < smallest:
            reason = f"{person.width_px:.0f} px wide, under {smallest:g} px"
        else:
            reason = "" if base.include_children else why_a_child(person.now)
        chosen.append(replace(person, reason=reason))
    return chosen


@dataclass(eq=False)
class _Followed:
    """A track that is aged; ``seen`` and ``plan`` are those of the picture before."""

    person: Person
    course: Course
    average: ChangeAverage
    looker: Looker
    seen: SeenFace | None = None
    plan: DrawnPlan | None = None


class Ager:
    """Ages the people of a video picture by picture; `start` and `finish` may run in two threads."""

    def __init__(
        self, pipeline: Pipeline, request: VideoRequest, courses: Sequence[tuple[Person, Course]], rate: float
    ) -> None:
        """``rate`` is in pictures per second."""
        self._pipeline, self._request = pipeline, request
        kind, kept = pipeline.manifest.coordinates, (one for one in courses if not one[0].reason)
        self._courses = {
            number: _Followed(person, course, ChangeAverage(rate), Looker(rate, kind))
            for number, (person, course) in enumerate(kept)
        }

    @property
    def capabilities(self) -> Capabilities:
        """Properties of the engine."""
        return self._pipeline.capabilities

    def start(self, number: int, seconds: float, picture: Picture) -> StartedPicture:
        """Start the faces of a picture on the engine; blocks only while too many are in flight."""
        self._forget_ended(number)
        works = []
        for one in self._courses.values():
            step = one.course.at(number)
            request = self._request.at(one.person.number, seconds)
            if step is None or request is None:
                continue
            label = f"picture {number}, face {one.person.number}"
            works.append(self._start_face(number, picture, one, step, request, label))
        return StartedPicture(number, picture, tuple(works))

    def _start_face(
        self, number: int, picture: Picture, one: _Followed, step: Step, request: Request, label: str
    ) -> _Work:
        manifest, person = self._pipeline.manifest, one.person
        # Only the face's skin changes.
        request = replace(request, shape=False, features=False, hair=False, neck=False)
        box = region_box(step.face.frame, step.frame_px, manifest.halo_px, (picture.width, picture.height))
        rgb, moved = picture.rgb(box), _moved(step.face, box)
        geometry = update_seen_face(moved, person.now, step.frame_px, manifest, person.pattern, one.seen)
        plan = plan_seen(geometry, request, manifest, one.plan)
        look = one.looker.look(rgb, geometry)
        asks = one.looker.asks(number, geometry.frame_px, plan.plan.wanted, look)
        if asks or one.seen is None:
            seen = self._pipeline.see_skin(rgb, geometry)
        else:
            seen = replace(geometry, skin=one.seen.skin)
        one.seen, one.plan = seen, plan
        work = self._pipeline.plan_face(rgb, seen, request, label, plan, asks)
        frame = self._pipeline.start_work(work) if asks else None
        return _Work(box, work, look, request.strength * step.weight, person.tone, one.average, frame)

    def forget_geometry(self) -> None:
        """Compute all faces' geometry again for the next picture, so that earlier ones do not matter."""
        for one in self._courses.values():
            one.seen = one.plan = None
            one.looker.forget()

    def _forget_ended(self, number: int) -> None:
        """Free the memory of tracks that end before a picture."""
        for key in [key for key, one in self._courses.items() if one.course.last < number]:
            del self._courses[key]

    def state(self) -> dict[str, NDArray[Any]]:
        """The state needed to resume after this picture: all averages."""
        return {
            f"{number}.{name}": value
            for number, one in self._courses.items()
            for name, value in one.average.state().items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Resume from a `state` of the same video and request."""
        for number, one in self._courses.items():
            mine = f"{number}."
            own = {name.removeprefix(mine): value for name, value in state.items() if name.startswith(mine)}
            if own:
                one.average.restore(own)


def finish_picture(started: StartedPicture) -> bool:
    """Wait for a picture's faces and add their changes; returns whether there were any.

    Raises EngineError.
    """
    for one in started.works:
        x0, y0, x1, y1 = one.box
        work = one.work
        aged = None if one.frame is None else one.frame.result()
        after, mask = one.average.add(started.number, work, one.look, aged)
        size, frame = (x1 - x0, y1 - y0), work.seen.face.frame
        bands = []
        for x, y, change, inside in photo_changes(
            size, frame, work.before, after, mask, one.strength, one.tone
        ):
            change[inside <= 0] = 0.0
            bands.append((x, y, change))
        if bands:  # together: a chroma sample may belong to rows of two bands
            x, y, _ = bands[0]
            started.picture.add(x0 + x, y0 + y, np.concatenate([change for _, _, change in bands]))
    return bool(started.works)


def region_box(frame: Frame, frame_px: int, halo_px: int, limit: tuple[int, int]) -> Box:
    """The part of a picture of ``limit`` (width, height) that a frame with its halo is cut from."""
    share = halo_px / frame_px
    corners = apply_affine(
        frame.to_photo(1), np.array([(x, y) for x in (-share, 1 + share) for y in (-share, 1 + share)])
    )
    margin = BEYOND * (frame.side_px / frame_px + 1)
    low = np.clip(np.floor(corners.min(axis=0) - margin), 0, np.array(limit) - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + margin), low + 1, limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _moved(face: Face, box: Box) -> Face:
    points = face.landmarks - (box[0], box[1])
    return replace(face, landmarks=points, frame=canonical_frame(points))
