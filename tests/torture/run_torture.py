"""Runs `amgan run-batch` over the torture folder and counts what became of every file.

    python tests/torture/run_torture.py [--huge] [--workers N] [-o RESULT.json]

The run must end by itself, print no traceback, account for every file, leave nothing half written, and do the
good photos right (see check_torture.py).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from check_torture import what_is_wrong
from make_torture import ROOT, Case, cases_of

from amgan.benchmarking import machine

RESULT = ROOT / "benchmarks" / "results" / "torture_cpu.json"
LIMIT_S = 1800


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=256, help="height of the portraits, px")
    parser.add_argument("--huge", action="store_true", help="photos of 100 megapixels, too")
    parser.add_argument("--workers", type=int, default=1, help="processes of the run")
    parser.add_argument("--folder", type=Path, help="keep the files here, instead of a temporary folder")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


def run_batch(source: Path, target: Path, report: Path, workers: int) -> dict[str, Any]:
    """Run the command over a folder: its exit code, seconds, most memory and what it printed."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "amgan",
        "run-batch",
        str(source),
        "-o",
        str(target),
        "--age",
        "75",
        "--report",
        str(report),
        "--workers",
        str(workers),
    ]
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, timeout=LIMIT_S, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )
    return {
        "exit_code": done.returncode,
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "text": (done.stdout + done.stderr).decode("utf-8", "surrogateescape"),
    }


def read_report(report: Path, source: Path) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Outcome and reason of every file, by its path below the folder; and what is told twice."""
    told: dict[str, tuple[str, str]] = {}
    twice = []
    for line in map(json.loads, report.read_text(encoding="utf-8").splitlines()):
        name = Path(line["file"]).relative_to(source).as_posix()
        if name in told:
            twice.append(name)
        told[name] = (line["outcome"], line["reason"])
    return told, twice


def judge(
    source: Path, target: Path, cases: list[Case], told: dict[str, tuple[str, str]], text: str
) -> tuple[Counter[str], list[str]]:
    """Counts of "group: outcome", and everything that is not as it must be."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for case in cases:
        output = target / case.path
        said, reason = told.get(case.path, ("", ""))
        aged, refused = output.is_file(), said in ("failed", "skipped") and bool(reason)
        outcome = "aged" if aged else "refused" if refused else "lost"
        counts[f"{case.group}: {outcome}"] += 1
        if aged == refused or aged != (said == "aged"):
            wrong.append(f"{case.path!r}: {'both aged and refused' if aged else 'not accounted for'}")
        elif case.expected not in ("any", outcome):
            wrong.append(f"{case.path!r}: {outcome}, not {case.expected}")
        elif outcome == "aged" and case.expected == "aged":
            fault = what_is_wrong(source / case.path, output)
            if fault:
                wrong.append(f"{case.path!r}: {fault}")
    wrong += [f"{path}: left over" for path in target.rglob("*.part")]
    spoken = [*text.splitlines(), *(f"{name}: {reason}" for name, (_, reason) in told.items())]
    wrong += [f"said: {line}" for line in spoken if "Traceback" in line or "unexpected" in line]
    return counts, wrong


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as work:
        folder = arguments.folder or Path(work)
        source, target = folder / "in", folder / "out"
        cases = list(cases_of(source, arguments.side, huge=arguments.huge))
        print(f"{len(cases)} files")
        state = machine.hardware(len(os.sched_getaffinity(0)))
        run = run_batch(source, target, folder / "report.jsonl", arguments.workers)
        told, twice = read_report(folder / "report.jsonl", source)
        (folder / "printed.txt").write_text(run["text"], errors="surrogateescape")
        counts, wrong = judge(source, target, cases, told, run.pop("text"))
        wrong += [f"{name!r}: told twice" for name in twice]
        wrong += [f"{name!r}: told, but no file" for name in told.keys() - {case.path for case in cases}]
    command = shlex.join(["python", "tests/torture/run_torture.py", *sys.argv[1:]])
    what = "amgan run-batch over the torture folder"
    result = machine.heading(what, command, state, "openvino", "pillow", "pillow-heif") | {
        "files": len(cases),
        **run,
        "outcomes": dict(sorted(counts.items())),
        "wrong": wrong,
    }
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
