"""Where the change is when one zone alone is asked for, on faces that training never saw.

    python benchmarks/zone_locality.py data/set640

For each of the fifteen zones, faces of the held-out tenth are aged with that zone 40 years older (or younger,
where there is no room) and the share of the absolute change that lies inside the zone's soft footprint is
taken. Then one side of a pair of zones alone, and a sweep of each zone, read by the bundle's own estimator.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import common
import numpy as np
from amgan.runtime import Pipeline, Request
from amgan.runtime.footprints import make_footprints
from amgan.runtime.zones import PART_NAMES, ZONES, Zone

from amgan.data.dataset import Dataset, load_dataset

RESULT = common.RESULTS / "zone_locality_cpu.json"
YEARS = 40
SWEEP = (20, 35, 50, 65, 80)
INSIDE = 0.02


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="prepared set (amgan prepare)")
    parser.add_argument("--faces", type=common.count, default=24, help="held-out faces to use (default: 24)")
    parser.add_argument("--model", type=Path, help="bundle (default: the shipped one)")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


def footprint(seen: Any, parts: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Where parts lie in the photo, bool [H, W]: their footprint's weight is above INSIDE."""
    from amgan.runtime.warp import sample_plane

    cells = 256
    prints = make_footprints(seen.landmarks, cells).parts
    plane = sum(prints[PART_NAMES.index(name)] for name in parts)
    found = sample_plane(plane, seen.face.frame.to_frame(cells), (shape[1], shape[0]), smooth=False)
    return found > INSIDE


def share_inside(pipeline: Pipeline, rgb: np.ndarray, seen: Any, parts: tuple[str, ...]) -> float:
    """Share of the absolute change that lies in the parts when they alone are asked for; NaN without one."""
    now = float(np.mean([seen.now.parts[name] for name in parts]))
    years = YEARS if now + YEARS <= pipeline.manifest.age_range[1] else -YEARS
    request = Request.parse(None, [f"{name}={years:+d}" for name in parts])
    aged = pipeline.finish(pipeline.start(rgb, request, seen=[seen])).pixels
    change = np.abs(aged.astype(int) - rgb).sum(axis=2)
    total = change.sum()
    return float(change[footprint(seen, parts, rgb.shape)].sum() / total) if total else float("nan")


def readings(pipeline: Pipeline, rgb: np.ndarray, seen: Any, zone: Zone) -> list[float]:
    """The zone's age as the estimator reads it, when the zone alone is asked to be SWEEP years old."""
    found = []
    for years in SWEEP:
        request = Request.parse(None, [f"{zone.name}={years}"])
        aged = pipeline.finish(pipeline.start(rgb, request, seen=[seen])).pixels
        now = pipeline._estimator.read(aged, seen.face)
        found.append(float(np.mean([now.parts[name] for name in zone.parts])))
    return found


def judge(dataset: Dataset, count: int, model: Path | None) -> dict[str, Any]:
    """The shares and readings of all zones."""
    rows: dict[str, dict[str, Any]] = {}
    held = dataset.faces("held-out")
    chosen = held[np.linspace(0, len(held) - 1, min(count, len(held))).astype(int)]
    with Pipeline(model) as pipeline:
        faces = []
        for number in chosen:
            rgb = np.array(dataset.frames[number])
            if seen := pipeline.see(rgb, "largest"):
                faces.append((rgb, seen[0]))
        for zone in ZONES:
            shares = [share_inside(pipeline, rgb, seen, zone.parts) for rgb, seen in faces]
            row: dict[str, Any] = {"share_inside": round(float(np.nanmean(shares)), 3)}
            if len(zone.parts) == 2:
                one = [share_inside(pipeline, rgb, seen, zone.parts[:1]) for rgb, seen in faces]
                row["share_inside_of_the_right_side_alone"] = round(float(np.nanmean(one)), 3)
            sweeps = np.array([readings(pipeline, rgb, seen, zone) for rgb, seen in faces[::3]])
            row["estimator_reads"] = [round(float(v), 1) for v in sweeps.mean(axis=0)]
            row["monotone"] = bool((np.diff(sweeps.mean(axis=0)) > 0).all())
            rows[zone.name] = row
            print(zone.name, row, flush=True)
        checkpoint = pipeline.manifest.checkpoint_sha256
    return {
        "faces": len(faces),
        "checkpoint_sha256": checkpoint,
        "asked_years": YEARS,
        "sweep": SWEEP,
        "zones": rows,
    }


def main() -> None:
    arguments = parse_arguments()
    result = common.heading(
        "place of the change when one zone is asked for", common.hardware(os.cpu_count() or 1), "openvino"
    )
    result |= judge(load_dataset(arguments.dataset), arguments.faces, arguments.model)
    shares = [row["share_inside"] for row in result["zones"].values()]
    result["mean_share_inside"] = round(float(np.mean(shares)), 3)
    print(f"mean share inside {result['mean_share_inside']}")
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
