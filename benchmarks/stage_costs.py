"""Cost of a photo by stage in milliseconds of CPU, for portraits of several sizes and a large group.

    python benchmarks/stage_costs.py

Measured is CPU time of the whole process, all threads together: other programs slow caches and clocks, but
their time is not counted. Each stage runs several times, in turn with the others; the minimum and the median
are kept. The pictures are the enlarged samples with camera noise, so that JPEG coding costs as much as for a
photo.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import common
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.ages.request import Request
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.head_parser import HeadParser
from amgan.runtime.face.networks import FaceNetworks
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo
from amgan.runtime.pipeline import face_plan, seen_face
from amgan.runtime.pipeline.estimator import Estimator

RESULT = common.RESULTS / "stage_costs_cpu.json"
STAGES = (
    "decode", "find", "read ages", "parse", "map and planes", "warp", "engine", "paste", "shape",
    "eyes and lips", "neck", "hair", "encode",
)  # fmt: skip
INSIDE: tuple[tuple[str, Any, str], ...] = (
    ("parse", seen_face, "see_skin"),
    ("parse", HeadParser, "read_window"),
    ("warp", face_plan, "frame_with_halo"),
    ("shape", face_plan, "plan_shape"),
    ("shape", face_plan, "paste_shape"),
    ("eyes and lips", face_plan, "plan_whites"),
    ("eyes and lips", face_plan, "paste_white"),
    ("eyes and lips", face_plan, "plan_contrast"),
    ("eyes and lips", face_plan, "paste_contrast"),
    ("neck", face_plan, "plan_neck"),
    ("neck", face_plan, "paste_neck"),
    ("hair", face_plan, "plan_hair"),
    ("hair", face_plan, "paste_hair"),
)
"""Stages inside of others, whose time is not counted there, and the functions that make them up."""
PORTRAITS_PX = (512, 1024, 2048, 4096)
GROUP_PX = (6000, 4000)
GROUP_FACES = 8
NOISE_CODES = 3.0
QUALITY = 92


def make_portrait(side_px: int, sample: Path = common.PHOTO) -> NDArray[np.uint8]:
    """A sample as a square of ``side_px`` px with noise, uint8 [side, side, 3]."""
    picture = Image.open(sample).convert("RGB")
    side = min(picture.size)
    small = np.asarray(picture.crop((0, 0, side, side)))
    large = cv2.resize(small, (side_px, side_px), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    large += np.random.default_rng(side_px).normal(0.0, NOISE_CODES, (side_px, side_px, 1)).astype(np.float32)
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def make_group() -> NDArray[np.uint8]:
    """A photo of 24 megapixels with several people side by side, uint8 [H, W, 3]."""
    width, height = GROUP_PX
    rows = np.linspace(90, 160, height, dtype=np.float32)[:, None, None]
    noise = np.random.default_rng(0).normal(0.0, NOISE_CODES, (height, width, 1)).astype(np.float32)
    group = np.clip(np.rint(rows + noise + np.float32([0, 4, 10])), 0, 255).astype(np.uint8)
    samples = sorted(path for path in (common.ROOT / "samples").iterdir() if path.suffix in (".jpg", ".png"))
    across = GROUP_FACES // 2
    step = width // across
    for number in range(GROUP_FACES):
        side = step - 60 - 90 * (number % 3)
        left, top = (number % across) * step + 30, (number // across) * (height // 2) + 200
        group[top : top + side, left : left + side] = make_portrait(side, samples[number % len(samples)])
    return group


class Clock:
    """CPU milliseconds by stage; a stage inside another one is not counted there."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(STAGES, 0.0)
        self._inside: list[float] = []

    def timed(self, stage: str, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """The result of a function, whose time is added to a stage."""
        start = time.process_time()
        self._inside.append(0.0)
        try:
            return work(*given, **named)
        finally:
            took = 1000 * (time.process_time() - start)
            self.spent[stage] += took - self._inside.pop()
            if self._inside:
                self._inside[-1] += took

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Time the functions of INSIDE."""
        with contextlib.ExitStack() as patches:
            for stage, place, name in INSIDE:
                patches.enter_context(mock.patch.object(place, name, self._timer(stage, place, name)))
            yield

    def _timer(self, stage: str, place: Any, name: str) -> Callable[..., Any]:
        work = getattr(place, name)

        def timer(*given: Any, **named: Any) -> Any:  # a function, so that it binds as a method does
            return self.timed(stage, work, *given, **named)

        return timer


class Stages:
    """The stages of one photo, with the CPU time of each."""

    def __init__(self, bundle: Bundle, source: Path, target: Path) -> None:
        self.bundle, self.source, self.target = bundle, source, target
        self.request = Request.parse("70", include_children=True)
        self.scheduler = open_scheduler(bundle, "cpu")
        networks = FaceNetworks(threads=1)
        self.estimator = Estimator(bundle)
        self.finder, self.parser = FaceFinder(networks=networks), HeadParser(networks=networks)
        self.faces = 0

    def run(self) -> dict[str, float]:
        """CPU milliseconds of each stage of one run."""
        clock = Clock()
        with clock.watching():
            self._run(clock.timed)
        return clock.spent

    def _run(self, timed: Callable[..., Any]) -> None:
        manifest, parser = self.bundle.manifest, self.parser
        photo = timed("decode", read_photo, self.source)
        rgb = photo.pixels
        faces = timed("find", self.finder.find, rgb)
        self.faces = len(faces)
        seen = [
            timed("read ages", seen_face.see_face, rgb, one, manifest, self.estimator, parser)
            for one in faces
        ]
        likes = self.scheduler.capabilities
        works = [
            timed(
                "map and planes", face_plan.plan_work, rgb, one, self.request, manifest, likes, "face", parser
            )
            for one in seen
        ]

        def compute() -> list[NDArray[np.uint8]]:
            return [one.result() for one in [self.scheduler.submit(work.frame) for work in works]]

        aged = timed("engine", compute)
        out = timed("paste", np.array, rgb)  # as the pipeline does: the photo is written over what was read
        for work, frame in zip(works, aged, strict=True):
            timed("paste", face_plan.paste_face, out, work, frame, 1.0)
        timed("encode", write_photo, photo, out, self.target)


def measure(picture: NDArray[np.uint8], runs: int) -> dict[str, Any]:
    """Measure one picture as a JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jpg"
        Image.fromarray(picture).save(source, quality=QUALITY)
        stages = Stages(Bundle.open(None), source, Path(folder) / "out.jpg")
        with stages.scheduler:
            stages.run()
            all_runs = [stages.run() for _ in range(runs)]
    return {
        "size_px": [picture.shape[1], picture.shape[0]],
        "faces": stages.faces,
        "least_cpu_ms": {name: round(min(run[name] for run in all_runs), 2) for name in STAGES},
        "median_cpu_ms": {
            name: round(statistics.median(run[name] for run in all_runs), 2) for name in STAGES
        },
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """A Markdown table: a row per picture, a column per stage."""
    lines = [
        "| picture | faces | " + " | ".join(STAGES) + " | all but the engine |",
        "| --- |" + " ---: |" * (len(STAGES) + 2),
    ]
    for name, row in rows.items():
        least = row["least_cpu_ms"]
        rest = sum(least.values()) - least["engine"]
        numbers = " | ".join(f"{least[stage]:.1f}" for stage in STAGES)
        lines.append(f"| {name} | {row['faces']} | {numbers} | {rest:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure every picture, print the table and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=7, help="counted runs (default: 7)")
    parser.add_argument("--largest", type=common.count, default=max(PORTRAITS_PX), help="portraits up to px")
    parser.add_argument("--no-group", action="store_true", help="leave the group out")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    state = common.hardware(common.limit_threads(None))
    result = common.heading("CPU milliseconds a photo by stage", state, "openvino", "pillow")
    rows = {}
    for side in PORTRAITS_PX:
        if side <= arguments.largest:
            rows[f"{side} px portrait"] = measure(make_portrait(side), arguments.runs)
    if not arguments.no_group:
        rows["24-megapixel group"] = measure(make_group(), arguments.runs)
    print(table(rows))
    common.write_result(result | {"model": common.describe_bundle(), "pictures": rows}, arguments.output)


if __name__ == "__main__":
    main()
