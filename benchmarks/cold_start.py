"""Processor time of `amgan age` in a fresh process beside that of its imports, and size of the installation.

    python benchmarks/cold_start.py

Wall-clock time depends on what else the machine does and is kept beside it. Compiled networks come from the
cache, as from the second photo on; the first one compiles them. The installation is counted by the files of
each package that amgan needs.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import common
from packaging.requirements import Requirement

RESULT = common.RESULTS / "cold_start_cpu.json"
OPENVINO = "from amgan.runtime.engines import openvino_network; openvino_network.load_openvino()"
PIPELINE = "import amgan.runtime.pipeline.pipeline, amgan.runtime.batch.run"
PARTS = {
    "Python alone": "pass",
    "and the command line": "import amgan.cli",
    "and NumPy": "import amgan.cli, numpy",
    "and OpenCV": "import amgan.cli, numpy, cv2",
    "and OpenVINO": f"import amgan.cli, numpy, cv2; {OPENVINO}",
    "and the pipeline": f"import amgan.cli, numpy, cv2; {OPENVINO}; {PIPELINE}",
}
AGE, FIRST = "amgan age", "amgan age, the first time"


def main() -> None:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=7, help="fresh processes of each (default: 7)")
    arguments = parser.parse_args()
    heading = common.heading("a fresh process", common.hardware(2), "openvino", "numpy", "pillow")
    commands = {name: ["-c", code] for name, code in PARTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "aged.jpg"
        commands[AGE] = ["-m", "amgan", "age", str(common.PHOTO), "-o", str(target), "--age", "70"]
        commands[AGE] += ["--device", "cpu"]
        commands[FIRST] = commands[AGE]
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for turn in range(arguments.runs + 1):
            for name, command in commands.items():
                cache = Path(folder) / f"cache {turn}" if name == FIRST else None
                found = run(command, Path(folder), cache)
                if turn:  # the first one fills the cache
                    spent[name].append(found)
    cpu, wall = (
        {name: round(statistics.median(one[which] for one in runs), 3) for name, runs in spent.items()}
        for which in (0, 1)
    )
    installed = installed_mb("amgan")
    for name, seconds in cpu.items():
        print(f"{name}: {1000 * seconds:.0f} CPU ms")
    print(f"installed: {sum(installed.values()):.0f} MB")
    result = {"runs": arguments.runs, "cpu_s": cpu, "wall_s": wall, "installed_mb": installed}
    common.write_result(heading | result, arguments.output)


def run(command: Sequence[str], folder: Path, cache: Path | None = None) -> tuple[float, float]:
    """CPU and wall-clock seconds of a Python process, whose modules are compiled as after an installation.

    ``cache`` is another folder for compiled networks than the user's.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if cache is not None:
        environment["AMGAN_CACHE"] = str(cache)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", *command], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds


def installed_mb(name: str) -> dict[str, float]:
    """MB of the files of a package and of all that it requires, extras left out, the largest first."""
    sizes: dict[str, float] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        try:
            found = distribution(one)
        except PackageNotFoundError:
            continue
        if one in sizes:
            continue
        files = (Path(str(file.locate())) for file in found.files or ())
        if one == name:  # a package that is installed from a checkout lists none of them
            files = (
                path for part in ("runtime", "amgan", "export") for path in (common.ROOT / part).rglob("*")
            )
        kept = (path for path in files if path.is_file() and path.suffix != ".pyc")
        sizes[one] = sum(path.stat().st_size for path in kept) / 1e6
        wanted = map(Requirement, found.requires or ())
        waiting += [w.name.lower() for w in wanted if w.marker is None or w.marker.evaluate({"extra": ""})]
    return {one: round(size, 1) for one, size in sorted(sizes.items(), key=lambda pair: -pair[1])}


if __name__ == "__main__":
    main()
