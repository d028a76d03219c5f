"""Checks that memory does not grow over ten minutes of video.

A made clip of small pictures (made_clip.py), 15,000 at 25 per second, is aged from file to file by the
shipped engine. A face is present for three seconds of every minute, so that this ends within minutes. Memory
is that of the process, once per second of video; the second half of the aged pictures may not need more than
the first. With glibc, the memory in use of its heap is recorded as well: the minimum of every tenth of the
video shows what pictures leave behind, without free memory that the heap keeps.

Run: python benchmarks/video_memory.py [--minutes 10] [-o FILE]
"""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import common
import numpy as np
import psutil
from made_clip import RATE, clip_pictures, portrait, write_clip

from amgan.runtime import Pipeline, Request
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

SIZE, FACE_PX = (256, 192), 90
MAY_GROW = 1.02


def main() -> None:
    parser = common.result_option(__doc__, common.RESULTS / "video_memory_cpu.json")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the clip (default: 10)")
    given = parser.parse_args()
    count, every = round(given.minutes * 60 * float(RATE)), int(RATE)
    result = common.heading("memory over a long video", common.hardware(2), "openvino", "av")
    memory: dict[str, list[float]] = {}
    in_use: dict[str, list[float]] = {}
    process, since = psutil.Process(), time.perf_counter()
    with tempfile.TemporaryDirectory() as name, Pipeline(None, "cpu") as pipeline:
        clip = Path(name) / "clip.mp4"
        landmarks = pipeline.look(portrait()).faces[0].landmarks
        write_clip(clip, _visits(clip_pictures(SIZE, FACE_PX, landmarks, 75), count))

        def note(done: int, total: int, what: str) -> None:
            if done % every == 0:
                memory.setdefault(what, []).append(process.memory_info().rss / 2**20)
                in_use.setdefault(what, []).append(heap_in_use() / 2**20)

        request = VideoRequest.parse(Request(include_children=True), "70")
        aged = VideoSession(clip, clip.with_name("out.mp4"), request).run(pipeline, note)
    halves = {
        what: [round(float(max(part)), 1) for part in np.array_split(values, 2)]
        for what, values in memory.items()
        if len(values) > 1
    }
    ageing = memory["ageing"]
    result |= {
        "size": SIZE,
        "pictures": aged.pictures,
        "people_aged": aged.aged,
        "wall_s": round(time.perf_counter() - since, 1),
        "most_mib_by_half": halves,
        "mib_by_tenth": _by_tenth(ageing, max),
        "least_heap_in_use_mib_by_tenth": _by_tenth(in_use["ageing"], min),
        "memory_is_flat": halves["ageing"][1] <= MAY_GROW * halves["ageing"][0],
    }
    common.write_result(result, given.output)
    print({key: result[key] for key in list(result)[-4:]})


def _by_tenth(values: Sequence[float], which: Callable[[Sequence[float]], float]) -> list[float]:
    return [round(float(which(part)), 1) for part in np.array_split(values, min(10, len(values)))]


class _MallocInfo(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and newer."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
            "keepcost",
        )
    ]  # fmt: skip


def heap_in_use() -> int:
    """Bytes in use of the C library's heap, all arenas and mapped blocks; 0 if unknown."""
    try:
        told = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return 0
    told.restype = _MallocInfo
    info = told()
    return int(info.uordblks + info.hblkhd)


def _visits(visit: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Pictures with a face at the beginning of every minute, and without one otherwise."""
    known, empty = list(visit), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for number in range(count):
        place = number % round(60 * float(RATE))
        yield known[place] if place < len(known) else empty


if __name__ == "__main__":
    main()
