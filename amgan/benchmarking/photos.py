"""Whole photos: each stage of one, a folder of them, and one in a new process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.request import Request
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.engines.tiles import Tile
from amgan.runtime.errors import AmganError
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.head_parser import HeadParser
from amgan.runtime.photo.data import Photo
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo
from amgan.runtime.pipeline.estimator import Estimator
from amgan.runtime.pipeline.face_plan import FaceWork, paste_face, plan_work
from amgan.runtime.pipeline.pipeline import Pipeline
from amgan.runtime.pipeline.seen_face import SeenFace, see_face

from .engines import Arrays

AGE = "70"
STAGES = ("decode", "find faces", "read ages", "map and warp", "engine", "paste", "encode")
"""The stages of a photo in order."""


class StagedPhoto:
    """Ages one photo in the stages of `Pipeline.age_file`, so that each can be timed.

    A context manager. `run` runs all stages; afterwards each can be repeated alone with the results of the
    stages before it.
    """

    def __init__(self, bundle: Bundle, source: Path, target: Path, precision: str | None = None) -> None:
        """Open everything for the photo ``source``, which is written to ``target``, on the CPU."""
        self._bundle, self._source, self._target = bundle, source, target
        self._request = Request.parse(AGE, include_children=True)
        self._scheduler = open_scheduler(bundle, "cpu", precision)
        self._estimator, self._finder = Estimator(bundle), FaceFinder(threads=1)
        self._parser = HeadParser()
        self._photo: Photo
        self._seen: SeenFace
        self._work: FaceWork
        self._frame: NDArray[np.uint8]
        self._pixels: NDArray[np.uint8]

    def __enter__(self) -> StagedPhoto:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.close()

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine in use."""
        return self._scheduler.capabilities

    def stages(self) -> dict[str, Callable[[], None]]:
        """The stages by name, in order."""
        ways = (self._decode, self._find, self._read, self._plan, self._age, self._paste, self._encode)
        return dict(zip(STAGES, ways, strict=True))

    def run(self) -> dict[str, float]:
        """Age the photo once; returns the seconds of each stage."""
        return {name: seconds for name, (seconds, _) in self.run_counted().items()}

    def run_counted(self) -> dict[str, tuple[float, float]]:
        """Age the photo once; returns the seconds of each stage, and its seconds of CPU."""
        spent = {}
        for name, stage in self.stages().items():
            start, busy = time.perf_counter(), time.process_time()
            stage()
            spent[name] = time.perf_counter() - start, time.process_time() - busy
        return spent

    def frame(self) -> tuple[Arrays, tuple[Tile, ...], NDArray[np.uint8]]:
        """The engine's input for the face as one tile, the computed tiles, and the result."""
        work = self._work.frame
        arrays = (work.image[None], work.aging_map[None, None], work.coordinates[None], work.pattern[None])
        return arrays, work.tiles, self._frame

    def _decode(self) -> None:
        self._photo = read_photo(self._source)

    def _find(self) -> None:
        faces = self._finder.find(self._photo.pixels)
        if len(faces) != 1:
            raise AmganError(f"'{self._source}' has {len(faces)} faces: benchmarks need a photo of one")
        self._face = faces[0]

    def _read(self) -> None:
        self._seen = see_face(
            self._photo.pixels, self._face, self._bundle.manifest, self._estimator, self._parser
        )

    def _plan(self) -> None:
        self._work = plan_work(
            self._photo.pixels, self._seen, self._request, self._bundle.manifest, self.capabilities,
            "photo", self._parser,
        )  # fmt: skip

    def _age(self) -> None:
        self._frame = self._scheduler.submit(self._work.frame).result()

    def _paste(self) -> None:
        self._pixels = np.array(self._photo.pixels)
        paste_face(self._pixels, self._work, self._frame, 1.0)

    def _encode(self) -> None:
        write_photo(self._photo, self._pixels, self._target)


def age_folder(pipeline: Pipeline, folder: Path, output: Path, jobs: int | None = None) -> None:
    """Age every photo of a folder with the batch runner (``jobs``: its threads); raises AmganError."""
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import BatchOptions, run_batch

    shutil.rmtree(output, ignore_errors=True)
    options = BatchOptions() if jobs is None else BatchOptions(threads=jobs)
    request = Request.parse(AGE, include_children=True)
    for outcome in run_batch(pipeline, plan_run([folder], output).tasks, request, options=options):
        if outcome.status != "aged":
            raise AmganError(f"'{outcome.source}' was not aged: {outcome.reason}")


_LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
print([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss])
sys.exit(code)
"""


@dataclass(frozen=True)
class ColdRun:
    """`amgan age` in its own process: wall-clock seconds from start to end, and its peak RSS in MiB."""

    seconds: float
    peak_mib: float


def run_cold(bundle: Bundle, source: Path, target: Path) -> ColdRun:
    """Age a photo in a new process; raises AmganError if it fails."""
    command = [sys.executable, "-P", "-m", "amgan", "age", str(source), "-o", str(target)]
    command += ["--age", AGE, "--model", str(bundle.path), "--device", "cpu"]
    # Through a small process: on Linux a child's peak begins at that of the process that forked it.
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    done = subprocess.run(launch, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise AmganError(f"`amgan age '{source}'` failed in a process of its own: {said[-1]}")
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return ColdRun(seconds, peak / (2**20 if sys.platform == "darwin" else 2**10))
