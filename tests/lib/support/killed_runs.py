"""Kills runs at random moments, lets them go on, and compares with a run that was left alone.

A moment is a file operation in the output folder, by number: no machine is so fast, or so busy, that it comes
after the end. Of a run with several workers either a worker is killed, which the run survives, or the parent.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image

from amgan.runtime.files import file_sha256
from support.helpers import COLLINS, HOPPER
from support.worker_choices import wait_for_ends


@dataclass(frozen=True)
class Trial:
    """One run that was killed before its file operation number ``operation``, and then went on.

    ``victim`` is the process that was killed: the "run", or of one with several workers a "worker" or their
    "parent". ``killed`` is false where it had ended by then. ``written`` photos were there when the first run
    had ended, and ``leftovers`` half-written files; ``redone`` photos were written again although they were
    there; ``same`` says whether the result is that of the quiet run, ``clean`` whether no file of the run is
    left over. ``said`` is what the run that went on said, with its exit code.
    """

    victim: str
    operation: int
    killed: bool
    written: int
    leftovers: int
    redone: int
    same: bool
    clean: bool
    said: str


def make_photos(folder: Path, count: int) -> None:
    """Write ``count`` small photos of two faces in three formats, some of them a level down."""
    samples = [Image.open(path).convert("RGB") for path in (HOPPER, COLLINS)]
    for number in range(count):
        side = 200 + 7 * (number % 11)
        path = folder / ("sub" if number % 3 else ".") / f"{number:03}{('.jpg', '.png', '.webp')[number % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples[number % 2].resize((side, side + 10)).save(path, quality=90)


def torture(
    work: Path, bundle: Path, photos: int, kills: int, seed: int = 0, workers: int = 1
) -> Iterator[Trial]:
    """Kill ``kills`` runs over ``photos`` photos in the folder ``work``, one after the other.

    With several ``workers`` a worker and the parent are killed in turn. Photos and the quiet run that an
    earlier call left in ``work`` are used again.
    """
    quiet, said = work / "quiet", "earlier"
    if not quiet.exists():
        make_photos(work / "in", photos)
        said = _Run(work / "in", quiet, bundle).whole()
    wanted = photos_in(quiet)
    assert len(wanted) == photos, f"{len(wanted)} of {photos} were aged, {said}"
    moments = random.Random(seed)
    for number in range(kills):
        out = work / f"out-{number}"
        victim = "run" if workers == 1 else ("worker", "parent")[number % 2]
        # Every photo is opened and renamed: before the last two operations not all of them can be there. Each
        # worker counts its own.
        moment = moments.randrange(1, 2 * photos // workers - 1)
        watched = work / f"watched-{workers}-{number}"
        yield _trial(_Run(work / "in", out, bundle, workers, watched), victim, moment, wanted)
        shutil.rmtree(out, ignore_errors=True)


def photos_in(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of every file that a run wrote, its own notes left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: file_sha256(path) for name, path in named.items() if not name.startswith(".amgan/")}


@dataclass(frozen=True)
class _Run:
    """A run of the command; ``watched`` is a folder for files about its processes."""

    source: Path
    out: Path
    bundle: Path
    workers: int = 1
    watched: Path | None = None

    def whole(self) -> str:
        """A run that nobody kills; returns its exit code and what it said."""
        with tempfile.TemporaryFile("w+") as said:
            code = self._start(said).wait(600)
            said.seek(0)
            return f"exit code {code}: {said.read()}"

    def killed(self, victim: str, operation: int) -> bool:
        """A run of which the victim is killed; returns whether it was, once all processes have ended."""
        assert self.watched is not None
        pids = self.watched / "pids"
        pids.mkdir(parents=True)
        (self.watched / "sitecustomize.py").write_text(_WATCH)
        environment = {
            "PYTHONPATH": str(self.watched),
            "KILLED_RUNS": f"{victim}:{operation}:{self.out}/:{self.watched}",
        }
        self._start(subprocess.DEVNULL, environment).wait(600)
        wait_for_ends(pids)
        return (self.watched / "killed").exists()

    def _start(
        self, said: IO[str] | int, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = (
            "-P", "-m", "amgan", "run-batch", self.source, "-o", self.out, "--age", "70", "--model",
            self.bundle, "--device", "cpu", "--limit-memory", "1G", "--workers", self.workers,
        )  # fmt: skip
        own = os.environ | (environment or {})
        return subprocess.Popen([sys.executable, *map(str, command)], stdout=said, stderr=said, env=own)


def _trial(run: _Run, victim: str, operation: int, wanted: dict[str, str]) -> Trial:
    killed = run.killed(victim, operation)
    there = photos_in(run.out) if run.out.exists() else {}
    whole = {name for name in there if name in wanted}
    times = {name: (run.out / name).stat().st_mtime_ns for name in whole}
    said = run.whole()
    after = photos_in(run.out)
    redone = sum((run.out / name).stat().st_mtime_ns != before for name, before in times.items())
    extra = [path for path in (run.out / ".amgan").iterdir() if path.name not in ("lock", "run.jsonl")]
    return Trial(
        victim,
        operation,
        killed,
        len(whole),
        len(there) - len(whole),
        redone,
        after == wanted and all(there[name] == wanted[name] for name in whole),
        not extra,
        said,
    )


#: Every process that writes photos kills the victim before its file operation of this number in OUT.
_WATCH = """
import os, signal, sys, threading

victim, operation, out, watched = os.environ["KILLED_RUNS"].split(":")
count, lock = 0, threading.Lock()
writes = victim == "run" or "--multiprocessing-fork" in sys.orig_argv
with open(f"{watched}/pids/{os.getpid()}", "x"):
    pass

def watch(event, arguments):
    global count
    if event not in ("open", "os.rename") or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path = os.fspath(arguments[0])
    if not str(path).startswith(out) or "/.amgan/" in str(path):
        return
    with lock:
        count += 1
        if count != int(operation):
            return
    try:
        open(f"{watched}/killed", "x").close()
    except FileExistsError:
        return  # one process a run
    os.kill(os.getppid() if victim == "parent" else os.getpid(), signal.SIGKILL)

if writes:
    sys.addaudithook(watch)
"""
