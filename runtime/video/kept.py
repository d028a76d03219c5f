"""The hidden folder of a run: its lock, and the averages that an interrupted run resumes from."""

from __future__ import annotations

import contextlib
import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import PhotoError, UsageError
from ..files import whole_file
from ..storage.location import Location
from ..storage.lock import RUN_FOLDER, KernelLock
from .aging import Ager
from .memory import give_back
from .prepare import cannot_write, working_folder


@contextlib.contextmanager
def only_run(output: Path) -> Iterator[None]:
    """Create and lock the working folder of ``output`` for the duration of the block.

    Raises UsageError if another run uses the same output, VideoError if the folder cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(output, error) from error
    try:
        lock = KernelLock(Location(str(working_folder(output))))
    except PhotoError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else OSError(str(error))
        raise cannot_write(output, cause) from error
    except UsageError as error:
        raise UsageError(
            f"another run is writing '{output}': wait until it ends, or name another output"
        ) from error
    with lock:
        yield


def forget_all(folder: Path) -> None:
    """Remove the state of an earlier run, except the lock of this one."""
    for path in folder.iterdir():
        if path.name == RUN_FOLDER:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def averages_path(folder: Path, segment: int) -> Path:
    """Path of the averages after a segment."""
    return folder / f"{segment:06d}.averages.npz"


def keep_averages(folder: Path, segment: int, ager: Ager) -> None:
    """Write the state for resuming after a segment; raises OSError."""
    with whole_file(averages_path(folder, segment)) as temporary, temporary.open("xb") as stream:
        np.savez(stream, allow_pickle=False, **ager.state())


def take_averages(folder: Path, segment: int, ager: Ager) -> None:
    """Restore the state after a segment if it can be read; otherwise averages restart."""
    path = averages_path(folder, segment)
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError), np.load(path) as state:
        ager.restore(state)


def end_segment(folder: Path, segment: int) -> None:
    """Remove files that a finished segment makes obsolete, and return memory; raises OSError."""
    if segment:
        averages_path(folder, segment - 1).unlink(missing_ok=True)
    gc.collect()  # PyAV leaves reference cycles: 4 MiB per segment
    give_back()
