"""CPU time of finding faces in a portrait, compared with ageing it, JPEG to JPEG.

    python benchmarks/face_cost.py FOLDER

Portraits of 1024 px are made of the photos of FOLDER, each with one face. CPU time of all threads is
measured, not wall time, so the load of the machine matters little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from photo_pipeline import in_batch, make_portraits
from PIL import Image

RESULT = common.RESULTS / "face_cost_cpu.json"


def finding(finder: Any, pictures: list[np.ndarray]) -> tuple[float, list[int]]:
    """CPU milliseconds per picture, and the number of windows of each."""
    start = time.process_time()
    windows = [finder.look(picture).windows for picture in pictures]
    return (time.process_time() - start) / len(pictures) * 1000, windows


def ageing(pipeline: Any, portraits: list[Path], out: Path) -> float:
    """CPU milliseconds per aged photo, JPEG to JPEG."""
    start = time.process_time()
    in_batch(pipeline, portraits, out)
    return (time.process_time() - start) / len(portraits) * 1000


def main() -> None:
    """Measure in turn, several times, and write the medians."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("folder", type=Path, help="folder of portraits, one face each")
    parser.add_argument("--photos", type=common.count, default=24, help="portraits to make (default: 24)")
    parser.add_argument("--rounds", type=common.count, default=3, help="times that both are timed")
    arguments = parser.parse_args()
    from amgan.runtime.pipeline.pipeline import Pipeline

    with tempfile.TemporaryDirectory() as folder, Pipeline(None, "cpu") as pipeline:
        portraits = make_portraits(arguments.folder, Path(folder) / "in", arguments.photos, pipeline)
        pictures = [np.asarray(Image.open(path)) for path in portraits]
        found, aged = [], []
        for _ in range(arguments.rounds):
            spent, windows = finding(pipeline._finder, pictures)
            found.append(spent)
            aged.append(ageing(pipeline, portraits, Path(folder) / "out"))
    result = {
        "what": "processor time of finding the face of a portrait of 1024 px, and of ageing it",
        "hardware": common.hardware(common.limit_threads(None)),
        "commit": common.commit(),
        "photos": len(portraits),
        "finding_ms": round(statistics.median(found), 1),
        "photo_ms": round(statistics.median(aged), 1),
        "share": round(statistics.median(found) / statistics.median(aged), 3),
        "windows": {"mean": round(statistics.mean(windows), 2), "most": max(windows)},
    }
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
