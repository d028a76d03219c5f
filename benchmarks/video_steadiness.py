"""Temporal stability of an aged video compared with ageing each picture alone, on exactly known motion.

A portrait is moved, turned, zoomed and relit (made_motion.py), with camera noise. The change is warped back
onto the portrait, where a perfect result would not move:

- flicker: root mean square difference of the change between neighbouring pictures, relative to the change
  (before rounding to the picture's codes, in both cases);
- jitter: root mean square motion of the mesh against the skin between neighbouring pictures, px;
- wander: root mean square distance of the mesh from its mean position on the skin over the whole video, px,
  including the effect of turning;
- lines: motion of the change's pattern against the skin between neighbouring pictures, px (phase correlation
  over the face, root mean square).

The result says for every video whether flicker is at most a third of that of separate pictures, and lines
stay within 0.3 px.

Run: python benchmarks/video_steadiness.py [--pictures 20] [-o FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
from made_motion import MOTIONS, MadeVideo, _inverse, at_points, make_video, read_portrait

from amgan.runtime import Pipeline, Request
from amgan.runtime.face.finder import Face
from amgan.runtime.face.paste import photo_changes
from amgan.runtime.face.tone import read_tone
from amgan.runtime.video.aging import Ager, choose_people, finish_picture, know_people
from amgan.runtime.video.average import AVERAGE_SECONDS
from amgan.runtime.video.follow import Follower
from amgan.runtime.video.picture import StillPicture
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.steady import POSE_SECONDS, SHAPE_SECONDS, Course
from amgan.runtime.video.tracks import LandmarkRows, LandmarkStore, face_of_row

RATE = 25.0
PORTRAITS = ("eileen_collins.png", "grace_hopper.jpg")
AGE = "75"
MOST_RATIO, MOST_LINES_PX = 1 / 3, 0.3


def main() -> None:
    parser = common.result_option(__doc__, common.RESULTS / "video_steadiness_cpu.json")
    parser.add_argument("--pictures", type=int, default=20, help="pictures of each video (default: 20)")
    parser.add_argument(
        "--side", type=int, default=480, help="longer side of the pictures, px (default: 480)"
    )
    given, rows = parser.parse_args(), []
    head = common.heading(
        "how steady a video is aged", common.hardware(2), "openvino", "opencv-python-headless"
    )
    head["bundle"] = common.describe_bundle()
    with Pipeline(None, "cpu") as pipeline:
        for name in PORTRAITS:
            portrait = _portrait(common.ROOT / "amgan" / "serving" / "samples" / name, given.side)
            face = pipeline.look(portrait).faces[0]
            for motion in MOTIONS:
                video = make_video(portrait, face.box, motion, given.pictures)
                found = measure(pipeline, video, face)
                share = found["steady"]["flicker"] / found["alone"]["flicker"]
                rows.append({"portrait": name, "motion": motion.name, "ratio": round(share, 3), **found})
                print(json.dumps(rows[-1]), flush=True)
                common.write_result(head | _result(rows, given), given.output)


def _result(rows: list[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    """Means over the videos measured so far, and the result of each."""
    mean = {
        kind: {key: round(float(np.mean([row[kind][key] for row in rows])), 4) for key in rows[0][kind]}
        for kind in ("alone", "steady")
    }
    return {
        "pictures": given.pictures,
        "side_px": given.side,
        "pose_seconds": POSE_SECONDS,
        "shape_seconds": SHAPE_SECONDS,
        "average_seconds": AVERAGE_SECONDS,
        "flicker_ratio": round(mean["steady"]["flicker"] / mean["alone"]["flicker"], 3),
        "most_ratio": max(row["ratio"] for row in rows),
        "most_lines_px": max(row["steady"]["lines_px"] for row in rows),
        "flicker_is_a_third": all(row["ratio"] <= MOST_RATIO for row in rows),
        "lines_stay": all(row["steady"]["lines_px"] <= MOST_LINES_PX for row in rows),
        "videos_of": len(PORTRAITS) * len(MOTIONS),
        "mean": mean,
        "videos": rows,
    }


def measure(pipeline: Pipeline, video: MadeVideo, face: Face) -> dict[str, Any]:
    """Measure both ways of ageing a made video."""
    inverse = [_inverse(forward) for forward in video.maps]
    area = _inner(face, video.pictures[0].shape)
    found: dict[str, Any] = {"face_px": round(face.width_px)}
    for kind, age in (("alone", _each_alone), ("steady", _as_video)):
        changes, landmarks = age(pipeline, video)
        found[kind] = _score(changes, landmarks, video, inverse, area)
    return found


class Unrounded(StillPicture):
    """A picture that records the added ``change``, with its fractions of a code."""

    def __init__(self, pixels: np.ndarray) -> None:
        super().__init__(pixels)
        self.change = np.zeros(pixels.shape, np.float32)

    def add(self, x0: int, y0: int, change: np.ndarray) -> None:
        self.change[y0 : y0 + change.shape[0], x0 : x0 + change.shape[1]] += change


def _each_alone(pipeline: Pipeline, video: MadeVideo) -> tuple[list[np.ndarray], list[np.ndarray]]:
    request = Request.parse(AGE, include_children=True)
    changes, landmarks = [], []
    for picture in video.pictures:
        (seen, *_) = pipeline.see(picture)
        work, aged = pipeline.start_face(picture, seen, request, "face")
        size = seen.frame_px
        halo = (work.frame.image.shape[0] - size) // 2
        before = work.frame.image[halo : halo + size, halo : halo + size]
        place, tone = (picture.shape[1], picture.shape[0]), read_tone(before, work.mask)
        unrounded = Unrounded(picture)
        for x, y, change, inside in photo_changes(
            place, seen.face.frame, before, aged.result(), work.mask, 1.0, tone
        ):
            change[inside <= 0] = 0.0
            unrounded.add(x, y, change)
        changes.append(unrounded.change)
        landmarks.append(seen.face.landmarks)
    return changes, landmarks


def _as_video(pipeline: Pipeline, video: MadeVideo) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "landmarks"
        store = LandmarkStore(path)
        follower = Follower(pipeline, store, round(RATE), 8)
        for number, picture in enumerate(video.pictures):
            follower.feed(number, StillPicture(picture), False)
        tracks = follower.finish()
        store.close()
        rows = LandmarkRows(path)
        request = VideoRequest.parse(Request(include_children=True), AGE)
        people = know_people(tracks, [[track.number] for track in tracks])
        places = [face_of_row(rows, person.tracks[0].rows[0], 1.0) for person in people]
        people = choose_people(people, request, places)
        courses = [
            (person, Course(person.tracks[0], rows, RATE, 8, pipeline.manifest)) for person in people[:1]
        ]
        ager = Ager(pipeline, request, courses, RATE)
        changes, landmarks = [], []
        for number, picture in enumerate(video.pictures):
            aged = Unrounded(picture)
            finish_picture(ager.start(number, number / RATE, aged))
            changes.append(aged.change)
            step = courses[0][1].at(number)
            assert step is not None
            landmarks.append(step.face.landmarks)
        return changes, landmarks


def _score(
    changes: list[np.ndarray],
    landmarks: list[np.ndarray],
    video: MadeVideo,
    inverse: list[np.ndarray],
    area: tuple[slice, slice],
) -> dict[str, float]:
    carried = [
        cv2.remap(change.mean(axis=2), *cv2.split(forward), cv2.INTER_CUBIC)[area]
        for change, forward in zip(changes, video.maps, strict=True)
    ]
    steps = np.diff(carried, axis=0)
    size = float(np.sqrt(np.mean(np.square(carried))))
    mesh = np.array([at_points(field, points) for field, points in zip(inverse, landmarks, strict=True)])
    moved = np.diff(mesh, axis=0)
    window = cv2.createHanningWindow(carried[0].shape[::-1], cv2.CV_32F)
    shifts = [
        np.hypot(*cv2.phaseCorrelate(_fine(one), _fine(other), window)[0]) for one, other in pairwise(carried)
    ]
    return {
        "change_codes": round(size, 3),
        "flicker": round(float(np.sqrt(np.mean(np.square(steps)))) / size, 4),
        "jitter_px": round(float(np.sqrt((moved**2).sum(-1).mean())), 4),
        "wander_px": round(float(np.sqrt(((mesh - mesh.mean(0)) ** 2).sum(-1).mean())), 4),
        "lines_px": round(float(np.sqrt(np.mean(np.square(shifts)))), 4),
    }


def _fine(change: np.ndarray) -> np.ndarray:
    """The high-frequency part of a change."""
    return change - cv2.GaussianBlur(change, (0, 0), 4.0)


def _inner(face: Face, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The area of the face in the portrait."""
    x0, y0, x1, y1 = (round(v) for v in face.reach)
    return slice(max(y0, 0), min(y1, shape[0])), slice(max(x0, 0), min(x1, shape[1]))


def _portrait(path: Path, side: int) -> np.ndarray:
    return read_portrait(path, side)


if __name__ == "__main__":
    main()
