"""Cost of a preview while a slider moves, for a portrait of 1024 px: CPU time by stage, and wall time.

    python benchmarks/serve_preview.py

The stages are those of one request of the page for one face, in the frames that the page may request. CPU
time is that of the whole process, all threads together: other programs slow it a little, but their time is
not counted. `request` is the whole server application over HTTP, client included. Wall times are meaningful
only on an idle machine. Every preview requests another age, as a slider does.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import common
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from stage_costs import make_portrait

sys.path.insert(0, str(common.ROOT / "tests" / "lib"))

from support.live_server import LiveServer, live_server

from amgan.runtime import Pipeline
from amgan.runtime.ages.request import Request
from amgan.serving.pictures import box_of, changed_pixels, encode_change

RESULT = common.RESULTS / "serve_preview_cpu.json"
PORTRAIT_PX = 1024
FRAMES_PX = (256, 320, 384)
WARM_UP = 2
T = TypeVar("T")
Times = dict[str, list[tuple[float, float]]]


def timed(times: Times, stage: str, work: Callable[[], T]) -> T:
    """Call a function and record its CPU and wall time in ms."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    spent = (1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall))
    times.setdefault(stage, []).append(spent)
    return result


def stages(pipeline: Pipeline, photo: NDArray[np.uint8], frame_px: int, runs: int) -> Times:
    """Run every stage of a preview in a frame of ``frame_px`` px."""
    times: Times = {}
    (seen,) = pipeline.see(photo, "largest")
    cut = pipeline.cut_region(photo, seen, frame_px)
    for number in range(runs + WARM_UP):
        request = Request.parse(str(45 + number % 40))
        started = timed(
            times, "plan and warp", lambda r=request: pipeline.start(cut.pixels, r, "", [cut.seen])
        )
        timed(times, "engine", lambda s=started: [frame.result() for frame in s.frames])
        aged = timed(times, "paste", lambda s=started: pipeline.finish(s)).pixels
        changed = timed(times, "compare", lambda a=aged: changed_pixels(cut.pixels, a))
        x0, y0, x1, y1 = box_of(changed) or (0, 0, 1, 1)
        where = (slice(y0, y1), slice(x0, x1))
        timed(times, "encode", lambda a=aged[where], c=changed[where]: encode_change(a, c, "webp"))
    return times


def requests(server: LiveServer, photo_id: str, frame_px: int, runs: int) -> Times:
    """The same over HTTP; client and server share one process, so the client's CPU time is included."""
    times: Times = {}
    for number in range(runs + WARM_UP):
        region = {"face": 1, "max_frame_px": frame_px}
        body: dict[str, Any] = {"age": 45 + number % 40, "format": "webp", "region": region}
        answer = timed(
            times, "request", lambda b=body: server.client.post(f"/v1/photos/{photo_id}/age", json=b)
        )
        answer.raise_for_status()
    return times


def medians(times: Times) -> dict[str, dict[str, float]]:
    """Median CPU and wall ms of each stage, without the warm-up."""
    return {
        stage: {
            name: round(statistics.median(one[at] for one in found[WARM_UP:]), 2)
            for at, name in enumerate(("cpu_ms", "wall_ms"))
        }
        for stage, found in times.items()
    }


def main() -> None:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=11)
    arguments = parser.parse_args()
    result = common.heading("previews of the server", common.hardware(2), "openvino", "uvicorn", "pillow")
    photo = make_portrait(PORTRAIT_PX)
    content = BytesIO()
    Image.fromarray(photo).save(content, "JPEG", quality=92)
    found: dict[str, Any] = {}
    with Pipeline(device="cpu") as pipeline, live_server(pipeline) as server:
        sent = server.send(content.getvalue(), "portrait.jpg").json()
        for frame_px in FRAMES_PX:
            times = stages(pipeline, photo, frame_px, arguments.runs)
            times |= requests(server, sent["id"], frame_px, arguments.runs)
            found[str(frame_px)] = medians(times)
            print(frame_px, found[str(frame_px)])
    common.write_result(result | {"portrait_px": PORTRAIT_PX, "frames": found}, arguments.output)


if __name__ == "__main__":
    main()
