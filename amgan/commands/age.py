"""`amgan age`: one photo."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import Ageing, PathType, ageing_options, require_photo
from amgan.commands.output import tell_engine
from amgan.runtime.errors import PhotoError


@click.command("age")
@click.argument("photo", type=PathType)
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="OUT",
    help="File to write, or a folder to write it into under its own name.",
)  # fmt: skip
@ageing_options
def command(photo: Path, output: Path, ageing: Ageing) -> None:
    """Age the faces of one PHOTO.

    The result has the size, colour profile and camera data of the photo, and its format unless OUT ends like
    another one; everything outside the faces keeps its pixels. The photo itself is never written over.

    \b
    Examples:
      amgan age me.jpg -o old.jpg --age 70
      amgan age me.jpg -o out --age -10 --zone under-eye-bags=+5
      amgan age me.heic -o old.heic --age 70 --strip-gps
    """  # noqa: D301
    request = ageing.request()
    require_photo(photo)
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import BatchOptions, run_batch

    tasks = plan_run([photo], output).tasks
    with ageing.pipeline() as pipeline:
        (outcome,) = run_batch(pipeline, tasks, request, options=BatchOptions(metadata=ageing.metadata))
    if outcome.status != "aged":
        raise PhotoError(f"'{photo}': {outcome.reason}")
    click.echo(f"{outcome.target}: {outcome.faces} {'face' if outcome.faces == 1 else 'faces'} aged")
    tell_engine(pipeline.capabilities, ageing.device)
