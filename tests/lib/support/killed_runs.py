"""Kills runs at random moments, lets them go on, and compares with a run that was left alone.

A moment is a file operation in the output folder, by number: no machine is so fast, or so busy, that it comes
after the end.
"""

from __future__ import annotations

import random
import shutil
import signal
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


@dataclass(frozen=True)
class Trial:
    """One run that was killed before its file operation number ``operation``, and then went on.

    ``killed`` is false where it had ended by then. ``written`` photos were there after the kill, and
    ``leftovers`` half-written files; ``redone`` photos were written again although they were there; ``same``
    says whether the result is that of the quiet run, ``clean`` whether no file of the run is left over.
    ``said`` is what the run that went on said, with its exit code.
    """

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


def torture(work: Path, bundle: Path, photos: int, kills: int, seed: int = 0) -> Iterator[Trial]:
    """Kill ``kills`` runs over ``photos`` photos in the folder ``work``, one after the other."""
    make_photos(work / "in", photos)
    quiet = work / "quiet"
    said = _whole(work / "in", quiet, bundle)
    wanted = photos_in(quiet)
    assert len(wanted) == photos, f"{len(wanted)} of {photos} were aged, {said}"
    moments = random.Random(seed)
    for number in range(kills):
        out = work / f"out-{number}"
        # Every photo is opened and renamed: before the last two operations not all of them can be there.
        yield _trial(work / "in", out, bundle, moments.randrange(1, 2 * photos - 1), wanted)
        shutil.rmtree(out, ignore_errors=True)


def photos_in(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of every file that a run wrote, its own notes left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: file_sha256(path) for name, path in named.items() if not name.startswith(".amgan/")}


def _trial(source: Path, out: Path, bundle: Path, operation: int, wanted: dict[str, str]) -> Trial:
    killed = _start(source, out, bundle, operation, subprocess.DEVNULL).wait(600) == -signal.SIGKILL
    there = photos_in(out) if out.exists() else {}
    whole = {name for name in there if name in wanted}
    times = {name: (out / name).stat().st_mtime_ns for name in whole}
    said = _whole(source, out, bundle)
    after = photos_in(out)
    redone = sum((out / name).stat().st_mtime_ns != before for name, before in times.items())
    extra = [path for path in (out / ".amgan").iterdir() if path.name not in ("lock", "run.jsonl")]
    return Trial(
        operation,
        killed,
        len(whole),
        len(there) - len(whole),
        redone,
        after == wanted and all(there[name] == wanted[name] for name in whole),
        not extra,
        said,
    )


#: Kills its own process before file operation number OPERATION (0: never) on the photos in the folder OUT.
_PROGRAM = """
import os, signal, sys, threading
out, operation = sys.argv.pop(1), int(sys.argv.pop(1))
count, lock = 0, threading.Lock()

def watch(event, arguments):
    global count
    if event not in ("open", "os.rename") or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path = os.fspath(arguments[0])
    if not str(path).startswith(out) or "/.amgan/" in str(path):
        return
    with lock:
        count += 1
        if count == operation:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from amgan.cli import main
main()
"""


def _whole(source: Path, out: Path, bundle: Path) -> str:
    """A run that nobody kills; returns its exit code and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        code = _start(source, out, bundle, 0, said).wait(600)
        said.seek(0)
        return f"exit code {code}: {said.read()}"


def _start(
    source: Path, out: Path, bundle: Path, operation: int, said: IO[str] | int
) -> subprocess.Popen[bytes]:
    command = (
        "-P", "-c", _PROGRAM, f"{out}/", operation, "run-batch", source, "-o", out, "--age", "70",
        "--model", bundle, "--device", "cpu", "--limit-memory", "1G",
    )  # fmt: skip
    return subprocess.Popen([sys.executable, *map(str, command)], stdout=said, stderr=said)
