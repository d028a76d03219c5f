"""Cost of a run's record: hashing and recording photos and results, compared with a run without it.

    python benchmarks/hashing_cost.py --faces FOLDER

The same portraits of 1024 px are aged by the batch runner with and without a record, in turn. Both wall time,
which other programs disturb, and CPU time are measured, and SHA-256 alone.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common
from photo_pipeline import AGE, make_portraits

RESULT = common.RESULTS / "hashing_cost_cpu.json"


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--faces", type=Path, default=common.ROOT / "samples", help="folder of photos")
    parser.add_argument("--photos", type=common.count, default=20, help="portraits to make (default: 20)")
    parser.add_argument("--rounds", type=common.count, default=5, help="times that each way is timed")
    return parser.parse_args()


def run(pipeline: Any, folder: Path, out: Path, *, recorded: bool) -> tuple[float, float]:
    """Wall and CPU seconds per photo for all portraits of a folder."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.record import RunRecord
    from amgan.runtime.batch.run import run_batch
    from amgan.runtime.storage.location import Location

    shutil.rmtree(out, ignore_errors=True)
    request = Request.parse(AGE, include_children=True)
    clock, processor = time.perf_counter(), time.process_time()
    record = RunRecord(Location.of(out), "s") if recorded else None
    outcomes = run_batch(pipeline, plan_run([folder], out).tasks, request, record=record)
    if record is not None:
        record.close()
    assert all(one.status == "aged" for one in outcomes), outcomes
    took = time.perf_counter() - clock, time.process_time() - processor
    return took[0] / len(outcomes), took[1] / len(outcomes)


def hash_all(files: Sequence[Path]) -> float:
    """CPU seconds per file for hashing."""
    from amgan.runtime.files import file_sha256

    start = time.process_time()
    for path in files:
        file_sha256(path)
    return (time.process_time() - start) / len(files)


def main() -> None:
    arguments = parse_arguments()
    from amgan.runtime.pipeline.pipeline import Pipeline

    state = common.hardware(common.limit_threads(None))
    clocks: dict[str, list[float]] = {"with record": [], "without": []}
    processors: dict[str, list[float]] = {name: [] for name in clocks}
    with tempfile.TemporaryDirectory() as work, Pipeline() as pipeline:
        folder, out = Path(work) / "in", Path(work) / "out"
        portraits = make_portraits(arguments.faces, folder, arguments.photos, pipeline)
        for number in range(-1, arguments.rounds):
            for name in clocks if number % 2 else reversed(clocks):
                clock, processor = run(pipeline, folder, out, recorded=name == "with record")
                if number >= 0:
                    clocks[name].append(clock)
                    processors[name].append(processor)
        written = [out / path.name for path in portraits]
        hashing = hash_all(portraits) + hash_all(written)
        read_bytes = statistics.mean(path.stat().st_size for path in [*portraits, *written])
    medians = {name: statistics.median(values) for name, values in processors.items()}
    result = common.heading("cost of hashing and of the record", state, "openvino", "pillow") | {
        "photos": arguments.photos,
        "rounds": arguments.rounds,
        "mean_file_bytes": round(read_bytes),
        "clock_seconds_per_photo": clocks,
        "processor_seconds_per_photo": processors,
        "median_clock_seconds": {name: statistics.median(values) for name, values in clocks.items()},
        "median_processor_seconds": medians,
        "processor_ratio_with_over_without": medians["with record"] / medians["without"],
        "hashing_processor_seconds_per_photo": hashing,
        "share_of_hashing": hashing / medians["without"],
    }
    print(f"hashing {1000 * hashing:.2f} ms of {1000 * medians['without']:.0f} ms a photo")
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
