"""Kills a run over 60 photos at random moments (kill -9) and resumes it: nothing may be lost.

    python benchmarks/kill_and_resume.py [--workers 2]

With several workers a worker and the parent are killed in turn; the run survives the end of a worker.

Small photos and the tests' tiny bundle, so that most moments fall between reading and writing a photo.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import common

sys.path.insert(0, str(common.ROOT / "tests" / "lib"))

from support.killed_runs import Trial, torture

RESULT = common.RESULTS / "kill_and_resume_cpu.json"


def main() -> None:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--photos", type=common.count, default=60)
    parser.add_argument("--kills", type=common.count, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=common.count, default=1)
    arguments = parser.parse_args()
    from support.helpers import write_tiny_bundle

    heading = common.heading("kill -9 and resume", common.hardware(2), "openvino", "pillow")
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as work:
        bundle = write_tiny_bundle(Path(work) / "bundle")
        for one in torture(
            Path(work), bundle, arguments.photos, arguments.kills, arguments.seed, arguments.workers
        ):
            trials.append(one)
            print(one, flush=True)
            result = {"workers": arguments.workers} | summary(trials, arguments.photos)
            common.write_result(heading | result, arguments.output)
    sys.exit(0 if all(is_good(one) for one in trials) else 1)


def is_good(one: Trial) -> bool:
    """Whether nothing was lost or left over; a run that survives has no other to remove leftovers."""
    return one.killed and one.same and one.clean and (one.victim != "worker" or not one.leftovers)


def summary(trials: list[Trial], photos: int) -> dict[str, Any]:
    """The result of the runs so far."""
    halfway = [one for one in trials if one.killed and 0 < one.written < photos]
    return {
        "photos": photos,
        "runs": len(trials),
        "killed": sum(one.killed for one in trials),
        "killed_between_the_first_photo_and_the_last": len(halfway),
        "left_half_written_files_behind": sum(one.leftovers > 0 for one in trials),
        "not_identical_after_resuming": sum(not one.same for one in trials),
        "files_left_over_after_resuming": sum(not one.clean for one in trials),
        "photos_done_twice": sum(one.redone for one in trials),
        "trials": [asdict(replace(one, said="")) for one in trials],
    }


if __name__ == "__main__":
    main()
