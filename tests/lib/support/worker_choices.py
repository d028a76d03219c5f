"""Pipelines for worker processes: they invert photos, and some end their process at a certain grey."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import EngineError, UsageError
from amgan.runtime.files import whole_file
from amgan.runtime.photo import write
from amgan.runtime.photo.write import write_photo
from support.fake_pipeline import OpenedPipeline
from support.object_store import SharedFileSystem

DEADLY, FULL, WRONG, ODD, TORN = 13, 14, 15, 16, 17
"""Grey levels of photos at which a process is killed, its disk is full, a request is wrong, a bug shows, or a
process is killed while it writes."""


class Fragile(OpenedPipeline):
    """Inverts photos; ``deaths`` gets a file per process that a photo of the level DEADLY killed."""

    def __init__(self, deaths: Path | None) -> None:
        super().__init__()
        self.deaths = deaths

    def start(self, rgb: NDArray[np.uint8], request: Any, label: str) -> Any:
        level = int(rgb[0, 0, 0])
        if level == DEADLY and self.deaths is not None:
            (self.deaths / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if level == WRONG:
            raise UsageError("the request is wrong")
        return super().start(rgb, request, label)

    def finish(self, started: Any, *, in_place: bool) -> Any:
        return None if started[0, 0, 0] == ODD else super().finish(started, in_place=in_place)


def write_or_fill_the_disk(photo: Any, pixels: NDArray[np.uint8], path: Path, **options: Any) -> None:
    """Writes a photo, but not one of the level FULL, and one of the level TORN in part."""
    if pixels[0, 0, 0] == 255 - FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if pixels[0, 0, 0] == 255 - TORN:
        with whole_file(path) as temporary:
            temporary.write_bytes(b"half a photo")
            os.kill(os.getpid(), signal.SIGKILL)
    write_photo(photo, pixels, path, **options)


@dataclass(frozen=True)
class FragileChoice:
    """Opens Fragile pipelines: ``opened`` gets a file per process, with its cores and GPUs as its content.

    ``most`` is the number of processes that can open one; ``gone`` ends the process in place of opening.
    """

    opened: Path
    deaths: Path | None = None
    most: int = 1000
    gone: bool = False
    precision: str = ""

    def open(self) -> Any:
        if self.gone:
            os._exit(7)
        if len(list(self.opened.iterdir())) >= self.most:
            raise EngineError("there is no memory for one more")
        cores = len(os.sched_getaffinity(0))
        shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        (self.opened / str(os.getpid())).write_text(f"{cores} {shown} {self.precision}")
        write.write_photo = write_or_fill_the_disk
        SharedFileSystem.register()
        return Fragile(self.deaths)

    def at(self, precision: str) -> FragileChoice:
        return FragileChoice(self.opened, self.deaths, self.most, self.gone, precision)


def wait_for_ends(folder: Path) -> None:
    """Wait until the processes that wrote a file into ``folder`` have ended."""
    for path in folder.iterdir():
        while _runs(int(path.name)):
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
