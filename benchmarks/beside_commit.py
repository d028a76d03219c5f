"""Cost of a photo, JPEG to JPEG, with this checkout compared with another commit, in one run.

    git worktree add ../before COMMIT
    python -m venv ../before/.venv
    ../before/.venv/bin/pip install ../before
    python benchmarks/beside_commit.py ../before/.venv/bin/python --commit COMMIT --faces FOLDER

Each contender runs in its own process, which opens the pipeline once; both age every photo in turn. Measured
is the CPU time of the whole process, all threads together: other programs slow caches and clocks, but their
time is not counted. The ratio is that of the sums of the minimum per photo; its spread is that of the ratios
per round. Each commit uses its own network.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
from photo_pipeline import AGE, make_portraits

RESULT = common.RESULTS / "beside_commit_cpu.json"
WORKER = """
import json, sys, time
from pathlib import Path
import cv2
import amgan.runtime as runtime

cv2.setNumThreads(1)
request = runtime.Request.parse(sys.argv[1], include_children=True)
with runtime.Pipeline(None, "cpu") as pipeline:
    facts = {"engine": pipeline.capabilities.name if hasattr(pipeline.capabilities, "name") else "",
             "precision": str(getattr(pipeline.capabilities, "precision", ""))}
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        source, target = json.loads(line)
        cpu, clock = time.process_time(), time.perf_counter()
        pipeline.age_file(source, target, request)
        print(json.dumps([time.process_time() - cpu, time.perf_counter() - clock]), flush=True)
"""


class Contender:
    """A Python installation that ages photos in its own process."""

    def __init__(self, python: Path | str, out: Path) -> None:
        self.out = out
        out.mkdir()
        # Not in a checkout, where the folder `amgan` hides the installed package.
        self.process = subprocess.Popen(
            [str(python), "-P", "-c", WORKER, AGE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=out,
        )
        self.facts: dict[str, Any] = self._answer()

    def age(self, photo: Path) -> tuple[float, float]:
        """CPU seconds and wall-clock seconds of one photo."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(photo), str(self.out / photo.name)]) + "\n")
        self.process.stdin.flush()
        cpu, clock = self._answer()
        return cpu, clock

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit("one of the two ended: its error is above")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def measure(contenders: list[Contender], photos: list[Path], rounds: int) -> list[list[list[float]]]:
    """CPU milliseconds by contender, round and photo, after one warm-up round."""
    spent: list[list[list[float]]] = [[] for _ in contenders]
    for number in range(-1, rounds):
        took: list[list[float]] = [[] for _ in contenders]
        for photo in photos if number >= 0 else photos[:4]:
            for mine, contender in zip(took, contenders, strict=True):
                mine.append(round(1000 * contender.age(photo)[0], 2))
        if number >= 0:
            for all_mine, mine in zip(spent, took, strict=True):
                all_mine.append(mine)
    return spent


def summary(spent: list[list[list[float]]]) -> dict[str, Any]:
    """Minimum CPU milliseconds per photo of both, their ratio, and the ratio per round."""
    least = [statistics.mean(min(runs) for runs in zip(*rounds, strict=True)) for rounds in spent]
    by_round = [sum(one) / sum(other) for one, other in zip(*spent, strict=True)]
    return {
        "least_cpu_ms_a_photo": [round(ms, 1) for ms in least],
        "times_less": round(least[0] / least[1], 3),
        "times_less_by_round": [round(ratio, 3) for ratio in by_round],
        "spread": round((max(by_round) - min(by_round)) / statistics.median(by_round), 3),
    }


def main() -> None:
    """Measure both and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("python", type=Path, help="Python of the other commit's environment")
    parser.add_argument("--commit", default="", help="which commit that is")
    parser.add_argument("--faces", type=Path, default=common.ROOT / "samples", help="folder of photos")
    parser.add_argument("--photos", type=common.count, default=40, help="portraits to make (default: 40)")
    parser.add_argument("--rounds", type=common.count, default=3, help="counted rounds (default: 3)")
    arguments = parser.parse_args()
    from amgan.runtime.pipeline.pipeline import Pipeline

    state = common.hardware(common.limit_threads(None))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with Pipeline(None, "cpu") as pipeline:
            photos = make_portraits(arguments.faces, work / "in", arguments.photos, pipeline)
        contenders = [
            Contender(python, work / name)
            for name, python in (("before", arguments.python.absolute()), ("now", sys.executable))
        ]
        try:
            spent = measure(contenders, photos, arguments.rounds)
        finally:
            for one in contenders:
                one.close()
    told = summary(spent)
    print(told)
    result = common.heading(
        "portraits of 1024 px, JPEG to JPEG, compared with another commit", state, "openvino"
    )
    result |= {
        "model": common.describe_bundle(),
        "before": {"commit": arguments.commit, **contenders[0].facts},
        "now": contenders[1].facts,
        "photos": len(photos),
        **told,
        "cpu_ms": {"before": spent[0], "now": spent[1]},
    }
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
