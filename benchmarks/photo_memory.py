"""Memory of large photos and of large folders.

    python benchmarks/photo_memory.py

Ages one photo of 64 megapixels in its own process and reads its peak memory, then ages 200 photos in this
process and reads the memory after each: after the first quarter it must not grow.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
import psutil
from PIL import Image

RESULT = common.RESULTS / "photo_memory_cpu.json"
BIG = (9240, 6930)


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--photos", type=common.count, default=200, help="photos of the folder")
    return parser.parse_args()


def one_big_photo(folder: Path) -> dict[str, float]:
    """Peak memory in MiB of `amgan age` on a photo of 64 megapixels."""
    photo = Image.open(common.PHOTO).convert("RGB").resize(BIG, Image.Resampling.BICUBIC)
    source = folder / "big.jpg"
    photo.save(source, quality=90)
    del photo
    command = [
        sys.executable,
        "-P",
        "-m",
        "amgan",
        "age",
        str(source),
        "-o",
        str(folder / "old.jpg"),
        "--age",
        "70",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"megapixels": BIG[0] * BIG[1] / 1e6, "peak_mib": round(peak, 1)}


def many_photos(folder: Path, count: int) -> dict[str, Any]:
    """Memory in MiB after each photo of a folder, and its growth after the first quarter."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import run_batch
    from amgan.runtime.pipeline.pipeline import Pipeline

    rng = np.random.default_rng(0)
    base = Image.open(common.PHOTO).convert("RGB")
    (folder / "in").mkdir()
    for number in range(count):
        size = int(rng.integers(400, 900))
        base.resize((size, size)).save(folder / "in" / f"{number:04}.jpg", quality=90)
    held: list[float] = []
    with Pipeline() as pipeline:
        jobs = plan_run([folder / "in"], folder / "out").tasks
        run_batch(
            pipeline,
            jobs,
            Request.parse("70", include_children=True),
            lambda outcome: held.append(resident_mib()),
        )
    steady = np.array(held[count // 4 :])
    slope = float(np.polyfit(np.arange(len(steady)), steady, 1)[0])
    return {
        "photos": count,
        "mib_after_a_quarter": round(float(steady[:10].mean()), 1),
        "mib_at_the_end": round(float(steady[-10:].mean()), 1),
        "growth_mib_per_100_photos": round(100 * slope, 2),
        "mib_after_each": [round(v, 1) for v in held],
    }


def resident_mib() -> float:
    """Resident memory of this process in MiB."""
    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    arguments = parse_arguments()
    result = common.heading(
        "memory of photos", common.hardware(common.limit_threads(None)), "openvino", "pillow"
    )
    with tempfile.TemporaryDirectory() as work:
        result["one_photo"] = one_big_photo(Path(work))
        print(result["one_photo"])
        result["folder"] = many_photos(Path(work), arguments.photos)
    print({k: v for k, v in result["folder"].items() if k != "mib_after_each"})
    result["model"] = common.describe_bundle()  # last: PyTorch, which this loads, would count as memory
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
