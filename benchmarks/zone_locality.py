"""Estimates of a zone that alone is aged to several ages, and the locality of the change.

    python benchmarks/zone_locality.py data/set640

`amgan evaluate` measures on more faces the share of the change inside the requested zone; this script adds
the bundle's own estimate of each zone at requests of 20 to 80 years.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import common
import numpy as np

from amgan.evaluation.one_face import measure_zones
from amgan.evaluation.regions import find_regions
from amgan.evaluation.requests import ZONE_YEARS
from amgan.evaluation.source import find_sources
from amgan.runtime import Pipeline, Request
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.face.zones import ZONES, Zone
from amgan.runtime.pipeline.estimator import Estimator
from amgan.runtime.pipeline.seen_face import SeenFace

RESULT = common.RESULTS / "zone_locality_cpu.json"
SWEEP = (20, 35, 50, 65, 80)
SWEPT_EVERY = 3


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("dataset", type=Path, help="prepared set (amgan prepare)")
    parser.add_argument("--faces", type=common.count, default=24, help="held-out faces to use (default: 24)")
    parser.add_argument("--model", type=Path, help="bundle (default: the shipped one)")
    return parser.parse_args()


def readings(
    pipeline: Pipeline, estimator: Estimator, rgb: np.ndarray, seen: SeenFace, zone: Zone
) -> list[float]:
    """Estimates of a zone's age at requests of SWEEP years for that zone alone."""
    found = []
    for years in SWEEP:
        request = Request.parse(None, [f"{zone.name}={years}"])
        aged = pipeline.finish(pipeline.start(rgb, request, seen=[seen])).pixels
        now = estimator.read(aged, seen.face)
        found.append(float(np.mean([now.parts[name] for name in zone.parts])))
    return found


def judge(dataset: Path, count: int, model: Path | None) -> dict[str, Any]:
    """The shares and estimates of all zones."""
    bundle = Bundle.open(model)
    estimator = Estimator(bundle)
    with Pipeline(model) as pipeline:
        faces = []
        for source in find_sources(dataset, count=count):
            if seen := pipeline.see(source.pixels, "largest"):
                faces.append((source.pixels, seen[0]))
        measured = [measure_zones(pipeline, p, s, find_regions(s, p.shape)) for p, s in faces]
        rows: dict[str, dict[str, Any]] = {}
        for zone in ZONES:
            inside = [one[zone.name].inside for one in measured]
            row: dict[str, Any] = {"share_inside": round(float(np.nanmean(inside)), 3)}
            if len(zone.parts) == 2:
                one_side = [one[zone.name].inside_right_alone for one in measured]
                row["share_inside_of_the_right_side_alone"] = round(float(np.nanmean(one_side)), 3)
            sweeps = [readings(pipeline, estimator, p, s, zone) for p, s in faces[::SWEPT_EVERY]]
            means = np.mean(sweeps, axis=0)
            row["estimator_reads"] = [round(float(years), 1) for years in means]
            row["monotone"] = bool((np.diff(means) > 0).all())
            rows[zone.name] = row
            print(zone.name, row, flush=True)
    return {
        "faces": len(faces),
        "model": common.describe_bundle(model),
        "asked_years": ZONE_YEARS,
        "sweep": SWEEP,
        "zones": rows,
    }


def main() -> None:
    arguments = parse_arguments()
    result = common.heading(
        "place of the change when one zone is asked for", common.hardware(os.cpu_count() or 1), "openvino"
    )
    result |= judge(arguments.dataset, arguments.faces, arguments.model)
    shares = [row["share_inside"] for row in result["zones"].values()]
    result["mean_share_inside"] = round(float(np.mean(shares)), 3)
    print(f"mean share inside {result['mean_share_inside']}")
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
