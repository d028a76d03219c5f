"""`amgan run-batch`: a folder of photos."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import click

from amgan.commands.flags import in_terms_of_flags
from amgan.commands.options import Aging, aging_options, format_option, quiet_option
from amgan.commands.output import is_quiet, progress_bar, say, tell, tell_engine

if TYPE_CHECKING:
    from amgan.runtime.batch.outcome import Outcome
    from amgan.runtime.batch.session import BatchResult, BatchSession

SOME_FAILED = 3
NONE_SUCCEEDED = 1
INTERRUPTED = 130
LISTED = 50


@click.command("run-batch")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option(
    "-o", "--output", required=True, metavar="OUT",
    help="Output folder, with the same subfolders as INPUT; a path or a URL.",
)  # fmt: skip
@click.option(
    "--files-from", metavar="LIST", show_default="none",
    help="File with further inputs, one photo or folder per line; - is stdin.",
)  # fmt: skip
@format_option
@click.option(
    "--suffix", default="", metavar="TEXT", show_default="none",
    help="Insert TEXT before the extension of results: with _70 the result of me.jpg is me_70.jpg.",
)  # fmt: skip
@aging_options
@click.option(
    "--no-face", type=click.Choice(["skip", "copy", "error"]), default="skip", show_default=True,
    help="Treatment of photos without an aged face: skip them, copy them, or count them as failed.",
)  # fmt: skip
@click.option(
    "--force",
    is_flag=True,
    show_default="off",
    help="Process all photos again, including those that are done.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", show_default="2, or one per core with a GPU",
    help="Number of photos that each process reads, and as many that it writes, concurrently.",
)  # fmt: skip
@click.option(
    "--limit-memory", metavar="SIZE", show_default="none",
    help="Memory limit of all photos in flight, such as 2G; a photo that needs more fails.",
)  # fmt: skip
@click.option(
    "--report", metavar="FILE", show_default="none",
    help="Write a report on every file to FILE, one JSON object per line.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Run on this machine, or on a Ray cluster with access to the same paths and URLs.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 10_000), metavar="N", show_default="1, more for a GPU; see the docs",
    help="Number of processes with a pipeline each, on this machine or with --engine ray in the cluster.",
)  # fmt: skip
@click.option(
    "--ray-address", metavar="ADDRESS", show_default="RAY_ADDRESS, or this machine's cluster",
    help="Address of the cluster with --engine ray; local starts one on this machine.",
)  # fmt: skip
@click.option(
    "--gallery", is_flag=True, show_default="off",
    help="Write OUT/index.html with every photo before and after, ages, zones, and failures.",
)  # fmt: skip
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str,
    files_from: str | None,
    format: str | None,
    suffix: str,
    no_face: Literal["skip", "copy", "error"],
    force: bool,
    jobs: int | None,
    limit_memory: str | None,
    report: str | None,
    engine: Literal["local", "ray"],
    workers: int | None,
    ray_address: str | None,
    gallery: bool,
    aging: Aging,
) -> None:
    """Age every photo of folders, patterns and lists.

    INPUT is a folder (including its subfolders), a photo, or a quoted pattern; a path or a URL. A photo that
    cannot be aged does not stop the others and is listed at the end with the reason. Inputs are never
    overwritten, and photos are written atomically. Run the same command again to resume: photos that are done
    with the same settings are skipped. Exit code 0: success, 3: some photos failed, 1: none was written, or
    the run was aborted.

    \b
    Examples:
      amgan run-batch photos -o aged --age 70
      amgan run-batch photos -o aged --age +20 --strength 0.7
      amgan run-batch photos -o aged --zone nasolabial=+25 --zone forehead=+25 --faces largest
      amgan run-batch 'holidays/**/*.jpg' -o aged --age 70 --no-face copy --report aged.jsonl
      amgan run-batch /shared/photos -o /shared/aged --age 70 --engine ray --workers 8
      amgan run-batch s3://bucket/photos -o s3://bucket/aged --age 70 --engine ray
      amgan run-batch photos -o aged --age 70 --format jpg --quality 90 --suffix _70 -q
      find . -name '*.jpg' | amgan run-batch --files-from - -o aged --age 70 --limit-memory 2G
    """  # noqa: D301
    from amgan.runtime.batch.inputs import read_list
    from amgan.runtime.batch.memory import parse_size
    from amgan.runtime.batch.session import BatchSession

    request = aging.request()
    listed = None
    if files_from is not None:
        listed = read_list(files_from, sys.stdin.buffer if files_from == "-" else ())
    session = BatchSession(
        inputs,
        output,
        request,
        model=aging.model,
        device=aging.device,
        files_from=listed,
        no_face=no_face,
        metadata=aging.metadata,
        force=force,
        threads=jobs,
        memory_bytes=None if limit_memory is None else parse_size(limit_memory),
        report=report,
        gallery=gallery,
        gallery_title=_in_few_words(aging),
        engine=engine,
        workers=workers,
        ray_address=ray_address,
        quality=aging.quality,
        format=format,
        suffix=suffix,
    )
    try:
        result = _run(session)
    except KeyboardInterrupt:
        click.echo(f"amgan: {_interrupted(session)}", err=True)
        ctx.exit(INTERRUPTED)
    if result.gallery is not None:
        tell(f"gallery: {result.gallery}")
    _summarise(result.outcomes, result.seconds)
    tell_engine(result.capabilities, aging.device)
    ctx.exit(exit_code(result.outcomes))


def _interrupted(session: BatchSession) -> str:
    """The message for an interrupted run."""
    done, total = _written(session.outcomes), len(session.plan.tasks)
    return f"interrupted, {done} of {total} photos are aged and written; run the same command again to resume"


def _written(outcomes: Sequence[Outcome]) -> int:
    """The number of outcomes with a written photo."""
    from amgan.runtime.batch.outcome import WRITTEN

    return sum(one.status in WRITTEN for one in outcomes)


def _run(session: BatchSession) -> BatchResult:
    """Run with progress bars for the photos and the gallery."""
    with ExitStack() as stack:
        bars: dict[str, Callable[[int, int, str], None]] = {}

        def bar(label: str) -> Callable[[int, int, str], None]:
            def advance(done: int, total: int, what: str) -> None:
                if label not in bars:
                    stack.close()  # one bar at a time
                    bars[label] = stack.enter_context(progress_bar(label))
                bars[label](done, total, what)

            return advance

        return session.run(
            bar("ageing"), bar("gallery"), lambda told: say(f"amgan: {told}"), in_terms_of_flags
        )


def _in_few_words(aging: Aging) -> str:
    """A short description of the request."""
    age, zones, map_file = (aging.asked[name] for name in ("age", "zones", "map_file"))
    parts = [f"at {age}" if age else "", *zones, f"by {map_file.name}" if map_file else ""]
    return ", ".join(filter(None, parts))


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when no photo failed, 3 when some did, 1 when none was written."""
    if not _written(outcomes):
        return NONE_SUCCEEDED
    return SOME_FAILED if any(one.status == "failed" for one in outcomes) else 0


def _summarise(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print the number of aged photos, and each of the others with the reason."""
    aged = [one for one in outcomes if one.status == "aged"]
    faces = sum(one.faces for one in aged)
    rate = len(aged) / max(seconds, 1e-9)
    tell(f"aged {len(aged)} of {len(outcomes)} photos, faces: {faces}, {seconds:.1f} s, {rate:.2f} photos/s")
    unchanged = sum(one.status == "unchanged" for one in outcomes)
    if unchanged:
        tell(f"done before: {unchanged}")
    quiet = is_quiet()
    for status, title in (("copied", "copied"), ("skipped", "left out"), ("failed", "not aged")):
        others = sorted(
            (one for one in outcomes if one.status == status), key=lambda one: one.source.text.split("/")
        )
        if quiet and status != "failed":
            continue
        if others:
            click.echo(f"{title}: {len(others)}", err=quiet)
        for one in others[:LISTED]:
            click.echo(f"  {one.source}: {one.reason}", err=quiet)
        if len(others) > LISTED:
            click.echo(f"  and {len(others) - LISTED} more: --report FILE lists them all", err=quiet)
