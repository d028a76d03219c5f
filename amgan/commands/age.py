"""`amgan age`: one photo."""

from __future__ import annotations

import filecmp
import gc
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import (
    Aging,
    PathType,
    aging_options,
    format_option,
    quiet_option,
)
from amgan.commands.output import end_process, tell, tell_engine
from amgan.commands.sources import require_photo
from amgan.runtime.errors import PhotoError, UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.outcome import Outcome
    from amgan.runtime.pipeline.opening import OpenedNetworks

STDOUT = Path("-")


@click.command("age")
@click.argument("photo", type=PathType)
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="OUT",
    help="Output file, a folder for a file of the same name, or - for stdout.",
)  # fmt: skip
@format_option
@aging_options
@quiet_option
def command(photo: Path, output: Path, format: str | None, aging: Aging) -> None:
    """Age the faces of one PHOTO.

    The result has the size, colour profile and camera data of the photo, and its format unless OUT has
    another extension. Pixels outside the face and its close surroundings do not change. The photo is never
    overwritten.

    \b
    Examples:
      amgan age me.jpg -o old.jpg --age 70
      amgan age me.jpg -o out --age -10 --zone under-eye-bags=+5
      amgan age me.heic -o old.heic --age 70 --strip-gps
      amgan age me.jpg -o - --age 70 --format png > old.png
    """  # noqa: D301
    request = aging.request()
    require_photo(photo)
    if output == STDOUT and sys.stdout is None:  # as where a process was started with it closed
        raise UsageError("stdout is closed: name a file or a folder with --output")
    with ExitStack() as until_the_end:
        until_the_end.enter_context(_without_collector())
        opened = aging.begin()  # all that is needed else is imported meanwhile
        if opened is not None:
            until_the_end.callback(opened.close)
        _age(photo, output, format, aging, request, opened, until_the_end)


def _age(
    photo: Path,
    output: Path,
    format: str | None,
    aging: Aging,
    request: Request,
    opened: OpenedNetworks | None,
    until_the_end: ExitStack,
) -> None:
    from amgan.runtime.batch.naming import Naming
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import BatchOptions, run_batch
    from amgan.runtime.photo.write import check_place

    to_stdout = output == STDOUT
    options = BatchOptions(metadata=aging.metadata, quality=aging.quality)
    with _folder_for(output) as folder:
        tasks = plan_run([photo], folder, naming=Naming(format)).tasks
        for task in tasks:
            check_place(task.target.path)
        pipeline = until_the_end.enter_context(aging.pipeline(opened))
        (outcome,) = run_batch(pipeline, tasks, request, options=options)
        if opened is not None:
            opened.wait()  # if networks cannot be opened, this says why
        if outcome.status != "aged" or outcome.target is None:
            raise PhotoError(f"'{photo}': {outcome.reason}")
        changed = not filecmp.cmp(photo, outcome.target.path, shallow=False)
        if to_stdout:
            with outcome.target.path.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
    written = "stdout" if to_stdout else outcome.target
    done = _aged(outcome) if changed else "a copy of the photo, as nothing changes"
    tell(f"{written}: {done}{_lost(outcome)}", err=to_stdout)
    tell_engine(pipeline.capabilities, aging.device, err=to_stdout)
    end_process()


def _aged(outcome: Outcome) -> str:
    """How many faces were aged, and their occlusions, in words."""
    faces = "face" if outcome.faces == 1 else "faces"
    return f"{outcome.faces} {faces} aged{_covers(outcome)}"


def _covers(outcome: Outcome) -> str:
    """Occlusions of the aged faces, in words."""
    from amgan.runtime.face.covers import describe_covers

    told = {
        describe_covers(face["covered"]) for face in outcome.details.get("faces", ()) if "covered" in face
    }
    return f" (covered, and left as it is: {'; '.join(sorted(told))})" if told else ""


def _lost(outcome: Outcome) -> str:
    """Data after the photo's picture that the aged one lacks, in words."""
    lost = outcome.details.get("left_out", ())
    return f" (left out, as it shows the photo unaged: {' and '.join(lost)})" if lost else ""


@contextmanager
def _without_collector() -> Iterator[None]:
    """Search for no unreachable objects: what one photo leaves is freed with the process."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def _folder_for(output: Path) -> Iterator[Path]:
    """The folder or file for the result: ``output``, or a temporary folder for stdout."""
    if output != STDOUT:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="amgan-") as folder:
        yield Path(folder)
