"""Cost of a picture of a video compared with a photo of the same face: `amgan video` and `amgan age`.

A made clip of 1920 x 1080 px in H.264 with a face 400 px high (made_clip.py) is aged from file to file with
analysis, engine and encoder. The photo is one of its pictures, a JPEG, aged from file to file in a process
that has aged one before. Both run in this process, on all CPUs. CPU time is measured as well, as other
programs disturb wall time.

Run: python benchmarks/video_speed.py [--seconds 10] [-o FILE]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from made_clip import RATE, clip_pictures, portrait, write_clip
from PIL import Image

from amgan.runtime import Pipeline, Request
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

SIZE, FACE_PX = (1920, 1080), 400
PHOTOS = 10
REQUEST = Request.parse("70", include_children=True)


def main() -> None:
    parser = common.result_option(__doc__, common.RESULTS / "video_speed_cpu.json")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip (default: 10)")
    given = parser.parse_args()
    count = round(given.seconds * float(RATE))
    result = common.heading("pictures of a video and photos", common.hardware(2), "openvino", "av")
    with tempfile.TemporaryDirectory() as name, Pipeline(None, "cpu") as pipeline:
        folder = Path(name)
        landmarks = pipeline.look(portrait()).faces[0].landmarks
        pictures = list(clip_pictures(SIZE, FACE_PX, landmarks, 1))
        Image.fromarray(pictures[0]).save(folder / "photo.jpg", quality=92)
        write_clip(folder / "clip.mp4", clip_pictures(SIZE, FACE_PX, landmarks, count))
        _photo(pipeline, folder)
        photos = _timed(PHOTOS // 2, lambda: [_photo(pipeline, folder) for _ in range(PHOTOS // 2)])
        request = VideoRequest.parse(REQUEST, "70")
        session = VideoSession(folder / "clip.mp4", folder / "out.mp4", request)
        told: dict[str, tuple[float, float]] = {}
        video = _timed(count, lambda: session.run(pipeline, lambda done, total, what: _note(told, what)))
        again = _timed(PHOTOS // 2, lambda: [_photo(pipeline, folder) for _ in range(PHOTOS // 2)])
    photo = {key: round((photos[key] + again[key]) / 2, 1) for key in photos}
    result |= {
        "size": SIZE,
        "face_height_px": FACE_PX,
        "pictures": count,
        "photo_ms": photo,
        "picture_ms": video,
        "first_look_share_of_wall": _share(told),
        "times_the_photo_rate_by_cpu": round(photo["cpu"] / video["cpu"], 2),
        "times_the_photo_rate_by_wall": round(photo["wall"] / video["wall"], 2),
    }
    common.write_result(result, given.output)
    print({key: result[key] for key in list(result)[-5:]})


def _photo(pipeline: Pipeline, folder: Path) -> None:
    photo = read_photo(folder / "photo.jpg")
    write_photo(photo, pipeline.age(photo.pixels, REQUEST).pixels, folder / "aged.jpg")


def _timed(count: int, work: Any) -> dict[str, float]:
    """Milliseconds of each of ``count`` calls: CPU time of all threads, and wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    passed = np.array([time.process_time() - cpu, time.perf_counter() - wall]) * 1000 / count
    return {"cpu": round(float(passed[0]), 1), "wall": round(float(passed[1]), 1)}


def _note(told: dict[str, tuple[float, float]], what: str) -> None:
    now = time.perf_counter()
    told[what] = (told.get(what, (now, now))[0], now)


def _share(told: dict[str, tuple[float, float]]) -> float:
    look, end = told["looking for faces"], told["ageing"][1]
    return round((look[1] - look[0]) / (end - look[0]), 3)


if __name__ == "__main__":
    main()
