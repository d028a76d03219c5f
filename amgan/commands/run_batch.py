"""`amgan run-batch`: a folder of photos."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from amgan.commands.options import Ageing, ageing_options
from amgan.commands.output import progress_bar, say, tell_engine
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.inputs import Plan
    from amgan.runtime.batch.ledger import Book
    from amgan.runtime.batch.outcome import Outcome
    from amgan.runtime.batch.remote_ledger import RemoteLedger
    from amgan.runtime.batch.report import RunReport
    from amgan.runtime.batch.run import BatchOptions, Ledger, Runner

SOME_FAILED = 3
NONE_SUCCEEDED = 1
INTERRUPTED = 130
LISTED = 50


@dataclass(frozen=True)
class RunChoices:
    """What the options of the run itself say."""

    output: str
    files_from: str | None
    no_face: Literal["skip", "copy", "error"]
    force: bool
    jobs: int
    limit_memory: str | None
    report: str | None

    def plan(self, inputs: Sequence[str]) -> Plan:
        """The jobs of the run; raises UsageError, and PhotoError where another file system refuses."""
        from amgan.runtime.batch.inputs import plan_run, read_list
        from amgan.runtime.storage.location import is_url, local_path

        listed = None
        if self.files_from is not None:
            listed = read_list(self.files_from, sys.stdin.buffer if self.files_from == "-" else ())
        if any(map(is_url, [*inputs, self.output, *(listed or ())])):
            from amgan.runtime.batch.remote_plan import plan_remote

            return plan_remote(inputs, self.output, listed)
        return plan_run([local_path(one) for one in inputs], Path(local_path(self.output)), listed)

    def options(self, root: Path | None) -> BatchOptions:
        """How the batch is to be run; raises UsageError."""
        from amgan.runtime.batch.memory import parse_size
        from amgan.runtime.batch.run import BatchOptions

        memory = None if self.limit_memory is None else parse_size(self.limit_memory)
        return BatchOptions(self.jobs, memory, self.no_face, root)


@click.command("run-batch")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option(
    "-o", "--output", required=True, metavar="OUT",
    help="Folder for the aged photos, with the same subfolders as INPUT, made if needed; a path or a URL.",
)  # fmt: skip
@click.option(
    "--files-from", metavar="LIST", show_default="none",
    help="File with one photo or folder a line, besides INPUT; - reads the lines from stdin.",
)  # fmt: skip
@ageing_options
@click.option(
    "--no-face", type=click.Choice(["skip", "copy", "error"]), default="skip", show_default=True,
    help="Photos of which no face is aged are left out, copied as they are, or counted as failed.",
)  # fmt: skip
@click.option(
    "--force", is_flag=True, show_default="off", help="Do all photos again, also those that are done."
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=2, show_default=True, metavar="N",
    help="Photos that are read, and as many that are written, at the same time.",
)  # fmt: skip
@click.option(
    "--limit-memory", metavar="SIZE", show_default="none",
    help="Memory that the photos under way may take together, such as 2G; one that takes more fails.",
)  # fmt: skip
@click.option(
    "--report", metavar="FILE", show_default="none",
    help="Write what became of every file to FILE, one JSON object a line.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Where to run: on this machine, or on a Ray cluster that reaches the same paths and URLs.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 10_000), metavar="N", show_default="one a machine, or a GPU",
    help="With --engine ray, how many pipelines to open in the cluster.",
)  # fmt: skip
@click.option(
    "--ray-address", metavar="ADDRESS", show_default="RAY_ADDRESS, or this machine's cluster",
    help="With --engine ray, the cluster to join; local starts one on this machine.",
)  # fmt: skip
@click.option(
    "--gallery", is_flag=True, show_default="off",
    help="Write OUT/index.html: every photo before and after, ages, zones, and what failed.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str,
    files_from: str | None,
    no_face: Literal["skip", "copy", "error"],
    force: bool,
    jobs: int,
    limit_memory: str | None,
    report: str | None,
    engine: Literal["local", "ray"],
    workers: int | None,
    ray_address: str | None,
    gallery: bool,
    ageing: Ageing,
) -> None:
    """Age every photo of folders, patterns and lists.

    INPUT is a folder, worked through with all its subfolders, a photo, or a pattern in quotes; a path or a
    URL. A photo that cannot be aged does not stop the others; the list at the end says why. Inputs are never
    written over, and no photo is left half written. Given again, the command does only what is not done yet
    or was asked for differently. Exit code 0: all good, 3: some photos failed, 1: none was written, or the
    run had to stop.

    \b
    Examples:
      amgan run-batch photos -o aged --age 70
      amgan run-batch photos -o aged --age +20 --strength 0.7
      amgan run-batch photos -o aged --zone nasolabial=+25 --zone forehead=+25 --faces largest
      amgan run-batch 'holidays/**/*.jpg' -o aged --age 70 --no-face copy --report aged.jsonl
      amgan run-batch /shared/photos -o /shared/aged --age 70 --engine ray --workers 8
      amgan run-batch s3://bucket/photos -o s3://bucket/aged --age 70 --engine ray
      find . -name '*.jpg' | amgan run-batch --files-from - -o aged --age 70 --limit-memory 2G
    """  # noqa: D301
    choices = RunChoices(output, files_from, no_face, force, jobs, limit_memory, report)
    if engine == "local" and (workers is not None or ray_address is not None):
        raise UsageError("--workers and --ray-address are for --engine ray: add it, or leave them out")
    request = ageing.request()
    plan = choices.plan(inputs)
    options = choices.options(plan.root)
    if gallery:
        _check_gallery(plan, output)
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        runner: Runner
        if engine == "ray":
            from amgan.runtime.batch.ray_runner import ModelChoice, RayRunner

            runner = RayRunner(ModelChoice(_absolute(ageing.model), ageing.device), workers, ray_address)
        else:
            from amgan.runtime.batch.run import LocalRunner

            runner = LocalRunner(stack.enter_context(ageing.pipeline()))
        request.check(runner.age_range)
        ledger = _open_ledger(stack, plan, runner, request, choices)
        start = time.perf_counter()
        try:
            _run(runner, plan, request, choices, options, ledger, outcomes.append)
        except KeyboardInterrupt:
            done = sum(one.status in ("aged", "unchanged", "copied") for one in outcomes)
            click.echo(
                f"amgan: interrupted, {done} of {len(plan.jobs)} photos are aged and written; give the same "
                "command again to go on",
                err=True,
            )
            ctx.exit(INTERRUPTED)
        seconds = time.perf_counter() - start
        if gallery and plan.root is not None:
            _write_gallery(outcomes, plan.root, ageing)
    _summarise(outcomes, seconds)
    tell_engine(runner, ageing.device)
    ctx.exit(exit_code(outcomes))


def _run(
    runner: Runner,
    plan: Plan,
    request: Request,
    choices: RunChoices,
    options: BatchOptions,
    ledger: Book | None,
    collect: Callable[[Outcome], None],
) -> None:
    """Run a batch with its record, its report and a bar."""
    with ExitStack() as stack:
        written = stack.enter_context(_report(choices.report))
        advance = stack.enter_context(progress_bar("ageing"))
        done = 0

        def tell(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            collect(outcome)
            written.add(outcome)
            advance(done, len(plan.jobs), outcome.path.name)

        runner.run(plan.jobs, request, tell, options, ledger)


def _report(name: str | None) -> RunReport:
    from amgan.runtime.storage.location import is_url, local_path

    if name is not None and is_url(name):
        from amgan.runtime.batch.remote_report import RemoteReport

        return RemoteReport(name)
    from amgan.runtime.batch.report import RunReport

    return RunReport(None if name is None else Path(local_path(name)))


def _check_gallery(plan: Plan, output: str) -> None:
    if plan.far_root or any(job.far is not None for job in plan.jobs):
        raise UsageError("--gallery shows photos of this machine: leave it out where INPUT or OUT is a URL")
    if plan.root is None:
        raise UsageError(f"'{output}' is one picture, and a gallery needs a folder: name a folder with -o")


def _absolute(model: Path | None) -> Path | None:
    return None if model is None else model.absolute()


def _open_ledger(
    stack: ExitStack, plan: Plan, runner: Runner, request: Request, choices: RunChoices
) -> Book | None:
    """Lock the output folder and open its record, until the stack ends; None for a single file."""
    from amgan.runtime.batch.settings import describe_request, settings_key

    settings = settings_key(describe_request(request), runner.describe(), {"no_face": choices.no_face})
    ledger: Ledger | RemoteLedger
    if plan.far_root:
        from amgan.runtime.batch.remote_ledger import RemoteLedger
        from amgan.runtime.storage.remote_lock import RemoteLock

        lock = stack.enter_context(RemoteLock(plan.far_root, lambda told: say(f"amgan: {told}")))
        ledger = RemoteLedger(plan.far_root, settings, force=choices.force, check=lock.check)
    elif plan.root is not None:
        from amgan.runtime.batch.run import Ledger
        from amgan.runtime.storage.lock import RunLock

        stack.enter_context(RunLock(plan.root))
        ledger = Ledger(plan.root, settings, force=choices.force)
    else:
        return None
    stack.callback(ledger.close)
    ledger.clean(plan.jobs)
    return ledger


def _write_gallery(outcomes: Sequence[Outcome], root: Path, ageing: Ageing) -> None:
    from amgan.runtime.batch.gallery.gallery import write_gallery

    wishes = [f"at {ageing.age}" if ageing.age else "", *ageing.zones]
    wishes += [f"by {ageing.map_file.name}" if ageing.map_file else ""]
    title = f"{root.resolve().name}: {', '.join(filter(None, wishes))}"
    with progress_bar("gallery") as advance:
        page = write_gallery(outcomes, root, title, advance)
    click.echo(f"gallery: {page}")


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when no photo failed, 3 when some did, 1 when none was written."""
    if not any(one.status in ("aged", "unchanged", "copied") for one in outcomes):
        return NONE_SUCCEEDED
    return SOME_FAILED if any(one.status == "failed" for one in outcomes) else 0


def _summarise(outcomes: Sequence[Outcome], seconds: float) -> None:
    """Print how many photos were aged, and each of the others with the reason."""
    aged = [one for one in outcomes if one.status == "aged"]
    faces = sum(one.faces for one in aged)
    rate = len(aged) / max(seconds, 1e-9)
    click.echo(
        f"aged {len(aged)} of {len(outcomes)} photos, faces: {faces}, {seconds:.1f} s, {rate:.2f} photos/s"
    )
    unchanged = sum(one.status == "unchanged" for one in outcomes)
    if unchanged:
        click.echo(f"done before: {unchanged}")
    for status, title in (("copied", "copied"), ("skipped", "left out"), ("failed", "not aged")):
        others = sorted((one for one in outcomes if one.status == status), key=lambda one: one.path)
        if others:
            click.echo(f"{title}: {len(others)}")
        for one in others[:LISTED]:
            click.echo(f"  {one.file}: {one.reason}")
        if len(others) > LISTED:
            click.echo(f"  and {len(others) - LISTED} more: --report FILE lists them all")
