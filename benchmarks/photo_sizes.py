"""Cost of a face by the number of its pixels, from 0.25 to 16 megapixels.

    python benchmarks/photo_sizes.py

One photo is aged at sizes that give its face frames of 512 to 4096 px. The time from pixels to pixels,
without decoding, is plotted over the pixels of the frame.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from PIL import Image

RESULT = common.RESULTS / "photo_sizes_cpu.json"
FRAMES_PX = (512, 704, 1024, 1408, 2048, 2880, 4096)


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=3, help="timed runs at each size")
    return parser.parse_args()


def measure(runs: int) -> list[dict[str, Any]]:
    """One row per size: the frame's side, its megapixels, and the seconds of every run."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.pipeline.pipeline import Pipeline

    rows = []
    base = Image.open(common.PHOTO).convert("RGB")
    with Pipeline() as pipeline:
        side = pipeline.see(np.asarray(base))[0].face.frame.side_px
        for frame_px in FRAMES_PX:
            scale = (frame_px - 8) / side
            size = (round(base.width * scale), round(base.height * scale))
            rgb = np.asarray(base.resize(size, Image.Resampling.BICUBIC))
            seconds, used = [], 0
            for run in range(-1, runs):
                start = time.perf_counter()
                used = pipeline.age(rgb, Request.parse("70", include_children=True)).faces[0].frame_px
                if run >= 0:
                    seconds.append(time.perf_counter() - start)
            rows.append({"frame_px": used, "megapixels": used * used / 1e6, "seconds": seconds})
            print(f"{used} px: {statistics.median(seconds):.2f} s")
    return rows


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot median seconds over megapixels of the frame, with a line through the origin."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    x = np.array([row["megapixels"] for row in rows])
    y = np.array([statistics.median(row["seconds"]) for row in rows])
    slope = float((x * y).sum() / (x * x).sum())
    figure, axes = plt.subplots(figsize=(6, 4.2), layout="constrained")
    axes.loglog(x, y, "o-", label="measured (median)")
    axes.loglog(x, slope * x, "--", color="grey", label=f"{slope:.2f} s a megapixel")
    axes.set(
        xlabel="megapixels of the face's frame", ylabel="seconds, pixels to pixels", title="Cost of a face"
    )
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    arguments = parse_arguments()
    result = common.heading(
        "cost over pixels of the face", common.hardware(common.limit_threads(None)), "openvino"
    )
    rows = measure(arguments.runs)
    x, y = (
        [np.log(v) for v in column]
        for column in (
            [row["megapixels"] for row in rows],
            [statistics.median(row["seconds"]) for row in rows],
        )
    )
    result |= {"model": common.describe_bundle()}
    result |= {"sizes": rows, "exponent_of_growth": round(float(np.polyfit(x, y, 1)[0]), 3)}
    print(f"cost grows with pixels to the power of {result['exponent_of_growth']}")
    common.write_result(result, arguments.output)
    draw(rows, arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
