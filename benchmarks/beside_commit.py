"""Cost of a photo, JPEG to JPEG, with this checkout compared with another commit, in one run.

    git worktree add ../before COMMIT
    python -m venv ../before/.venv
    ../before/.venv/bin/pip install ../before
    python benchmarks/beside_commit.py ../before/.venv/bin/python --commit COMMIT --faces FOLDER

Each contender runs in its own process, which opens the pipeline once; both age every photo in turn, then the
whole folder as `amgan run-batch` does. Measured is the CPU time of the whole process, all threads together:
other programs slow caches and clocks, but their time is not counted. The ratio is that of the sums of the
minimum per photo, for the folder that of the minimum per round; its spread is that of the ratios per round.
Photos per second are meaningful on a quiet machine only. Each commit uses its own network.
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

    def age_folder(source, target):
        try:
            from amgan.runtime.batch.plan import plan_run
            from amgan.runtime.batch.run import run_batch
            tasks = plan_run([source], target).tasks
        except ImportError:  # as older commits have it
            from amgan.runtime.batch import plan_batch, run_batch
            tasks = plan_batch(source, target)
        outcomes = run_batch(pipeline, tasks, request)
        assert all(one.status == "aged" for one in outcomes), outcomes

    for line in sys.stdin:
        source, target = map(Path, json.loads(line))
        cpu, clock = time.process_time(), time.perf_counter()
        if source.is_dir():
            age_folder(source, target)
        else:
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

    def age(self, source: Path, name: str = "") -> tuple[float, float]:
        """CPU seconds and wall-clock seconds of a photo or a folder; ``name`` is that of the output."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(source), str(self.out / (name or source.name))]) + "\n")
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


def measure_folder(
    contenders: list[Contender], folder: Path, photos: int, rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    """CPU and wall-clock milliseconds per photo of the folder, by contender and round."""
    cpu: list[list[float]] = [[] for _ in contenders]
    clock: list[list[float]] = [[] for _ in contenders]
    for number in range(rounds):
        for mine, on_the_clock, contender in zip(cpu, clock, contenders, strict=True):
            took = contender.age(folder, f"folder-{number}")
            mine.append(round(1000 * took[0] / photos, 2))
            on_the_clock.append(round(1000 * took[1] / photos, 2))
    return cpu, clock


def folder_summary(cpu: list[list[float]], clock: list[list[float]]) -> dict[str, Any]:
    """Of a folder: the minimum CPU milliseconds per photo of both, and the maximum photos per second."""
    least, fastest = [min(rounds) for rounds in cpu], [min(rounds) for rounds in clock]
    by_round = [one / other for one, other in zip(*cpu, strict=True)]
    return {
        "least_cpu_ms_a_photo": least,
        "times_less": round(least[0] / least[1], 3),
        "spread": round((max(by_round) - min(by_round)) / statistics.median(by_round), 3),
        "photos_a_second": [round(1000 / ms, 2) for ms in fastest],
        "times_the_rate": round(fastest[0] / fastest[1], 3),
        "cpu_ms": {"before": cpu[0], "now": cpu[1]},
        "clock_ms": {"before": clock[0], "now": clock[1]},
    }


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
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        with Pipeline(None, "cpu") as pipeline:
            photos = make_portraits(arguments.faces, work / "in", arguments.photos, pipeline)
        contenders = [
            Contender(python, work / name)
            for name, python in (("before", arguments.python.absolute()), ("now", sys.executable))
        ]
        try:
            spent = measure(contenders, photos, arguments.rounds)
            folder_spent = measure_folder(contenders, photos[0].parent, len(photos), arguments.rounds)
        finally:
            for one in contenders:
                one.close()
    told, in_folder = summary(spent), folder_summary(*folder_spent)
    print(told)
    print("in a folder:", in_folder)
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
        "in_a_folder": in_folder,
    }
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
