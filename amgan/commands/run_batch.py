"""`amgan run-batch`: a folder of photos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands import Ageing, PathType, ageing_options, progress_bar, tell_engine

if TYPE_CHECKING:
    from amgan.runtime.batch import Outcome

SOME_FAILED = 3
NONE_SUCCEEDED = 1
INTERRUPTED = 130


@click.command("run-batch")
@click.argument("source", type=PathType, metavar="INPUT")
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="OUT",
    help="Folder for the aged photos, with the same subfolders as INPUT; made if it is not there.",
)  # fmt: skip
@ageing_options
@click.pass_context
def command(ctx: click.Context, source: Path, output: Path, ageing: Ageing) -> None:
    """Age every photo of a folder.

    INPUT is a folder, worked through with all its subfolders, or one photo. A photo that cannot be aged does
    not stop the others; the list at the end says why. Inputs are never written over, and no photo is left
    half written. Exit code 0: all aged, 3: some, 1: none.

    \b
    Examples:
      amgan run-batch photos -o aged --age 70
      amgan run-batch photos -o aged --age +20 --strength 0.7
      amgan run-batch photos -o aged --zone nasolabial=+25 --zone forehead=+25 --faces largest
    """  # noqa: D301
    request = ageing.request()
    from amgan.runtime.batch import plan_batch, run_batch

    jobs = plan_batch(source, output)
    outcomes: list[Outcome] = []
    with ageing.pipeline() as pipeline:
        start = time.perf_counter()
        try:
            with progress_bar("ageing") as advance:

                def report(outcome: Outcome) -> None:
                    outcomes.append(outcome)
                    advance(len(outcomes), len(jobs), outcome.path.name)

                run_batch(pipeline, jobs, request, report)
        except KeyboardInterrupt:
            done = sum(one.status == "aged" for one in outcomes)
            click.echo(f"amgan: interrupted, {done} of {len(jobs)} photos are aged and written", err=True)
            ctx.exit(INTERRUPTED)
    _summarise(outcomes, time.perf_counter() - start)
    tell_engine(pipeline, ageing.device)
    ctx.exit(exit_code(outcomes))


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when every photo was aged, 3 when some were, 1 when none was."""
    aged = sum(one.status == "aged" for one in outcomes)
    if aged == len(outcomes):
        return 0
    return SOME_FAILED if aged else NONE_SUCCEEDED


def _summarise(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print how many photos were aged, and each of the others with the reason."""
    aged = [one for one in outcomes if one.status == "aged"]
    faces = sum(one.faces for one in aged)
    rate = len(aged) / max(seconds, 1e-9)
    click.echo(
        f"aged {len(aged)} of {len(outcomes)} photos, faces: {faces}, {seconds:.1f} s, {rate:.2f} photos/s"
    )
    others = sorted((one for one in outcomes if one.status != "aged"), key=lambda one: one.path)
    if others:
        click.echo(f"not aged: {len(others)}")
    for one in others:
        click.echo(f"  {one.path}: {one.reason}")
