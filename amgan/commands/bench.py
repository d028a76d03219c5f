"""`amgan bench`: the speed of this machine compared with PyTorch and with an earlier result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amgan.commands.options import PathType, model_option
from amgan.commands.output import needs, progress_bar
from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amgan.benchmarking.baseline import SpeedChange


@click.command("bench")
@click.option(
    "-o",
    "--output",
    type=PathType,
    default=Path("bench.json"),
    show_default=True,
    help="JSON file to write the result to.",
)
@click.option(
    "--baseline",
    type=PathType,
    metavar="FILE",
    show_default="none",
    help="An earlier result of this machine: exit code 1 if AMGAN lost more than 15 % of its lead over "
    "PyTorch, or its pixels no longer match those of PyTorch.",
)
@click.option(
    "--size",
    type=click.Choice(["short", "smallest"]),
    default="short",
    show_default=True,
    help="short: faces of 512 px, a few minutes; smallest: 256 px and three rounds, as a quick test.",
)
@model_option
@click.option(
    "--checkpoint",
    type=PathType,
    metavar="FILE",
    show_default="the shipped weights",
    help="Weights of the bundle, a .safetensors file.",
)
@click.pass_context
def command(
    ctx: click.Context,
    output: Path,
    baseline: Path | None,
    size: str,
    model: Path | None,
    checkpoint: Path | None,
) -> None:
    """Compare the CPU engine with PyTorch, torch.compile and ONNX Runtime, in turn.

    Measures one face, one photo from JPEG to JPEG by stages, a folder, and a fresh process with its memory. A
    speed is verified if its pixels match those of PyTorch in fp32 within the bundle's tolerances. Do not use
    the machine for other work meanwhile: it takes under five minutes on two cores.

    \b
    Examples:
      amgan bench
      amgan bench -o new.json --baseline old.json
    """  # noqa: D301
    if output.is_dir() or not output.parent.is_dir():
        raise UsageError(f"'{output}' is a folder or in none that exists: name a file for the result with -o")
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"the checkpoint '{checkpoint}' does not exist: give a .safetensors file")
    from amgan.runtime.photo.write import check_place

    check_place(output)
    with needs("bench", "export"):
        from amgan.benchmarking import baseline as stored
        from amgan.benchmarking import short_set
        from amgan.benchmarking.machine import typed

    wanted = short_set.SHORT if size == "short" else short_set.SMALLEST
    old = _read_baseline(baseline, wanted) if baseline else None
    short_set.quiet_torch()
    said = typed("amgan", sys.argv[1:])
    with progress_bar("measuring") as advance:
        result = short_set.run_short_set(model, wanted, said, advance, checkpoint=checkpoint)
    _write(result, output)
    _print(result)
    click.echo(f"written to {output}")
    if old is not None:
        changes = stored.compare(result, old)
        print_changes(changes, old)
        ctx.exit(1 if any(v.fault for v in changes) else 0)


def _read_baseline(path: Path, size: Any) -> dict[str, Any]:
    """Read a baseline; raises UsageError for one that is not comparable, before anything is measured."""
    from dataclasses import asdict

    from amgan.benchmarking.baseline import check_hardware, check_size, read_result
    from amgan.benchmarking.machine import hardware
    from amgan.runtime.machine import count_cores

    old = read_result(path)
    check_hardware(hardware(count_cores()), old, str(path))
    check_size(asdict(size), old, str(path))
    return old


def _write(result: Mapping[str, Any], path: Path) -> None:
    """Write the result atomically; raises UsageError."""
    try:
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written ({error.strerror}): name another with -o") from error


def _print(result: Mapping[str, Any]) -> None:
    """Print speeds as a table, stages, scaling with jobs, cold start and missing contenders.

    Ratios that vary too much are not printed, nor any if the reference itself does.
    """
    from amgan.benchmarking.machine import busy
    from amgan.benchmarking.timing import MOST_SPREAD
    from amgan.commands.tables import make_table, wide_console

    console = wide_console()
    numbers = ("ms", "times faster", "code values", "PSNR")
    table = make_table(result["what"], "way", *numbers, "pixels", right=numbers)
    noise = result.get("noise") or 0.0
    for name, speed in result["speeds"].items():
        parity = speed["parity"]
        table.add_row(
            name,
            f"{1000 * speed['median_s']:.0f}",
            _claim(speed, noise),
            f"{parity['max_code_values']}",
            f"{parity['psnr_db']:.1f} dB",
            "verified" if parity["verified"] else "UNVERIFIED",
        )
    console.print(table)
    photo = result["photo"]
    warm = [f"{p[:-2]} {1000 * photo['warm'][p]:.0f} ms" for p in ("p50_s", "p95_s", "p99_s")]
    console.print(f"one photo, warm: {', '.join(warm)}", markup=False)
    total, cpu = sum(photo["stages_median_s"].values()), photo.get("stages_median_cpu_s", {})
    for name, s in photo["stages_median_s"].items():
        busy_ms = f"{1000 * cpu[name]:7.1f} ms CPU" if name in cpu else ""
        console.print(f"  {name:14} {1000 * s:7.1f} ms {busy_ms} {s / total:4.0%}", markup=False)
    rates = (f"{n}: {rate:.1f}" for n, rate in photo.get("photos_per_second_by_jobs", {}).items())
    console.print(f"photos a second of a folder, by jobs: {', '.join(rates)}", markup=False)
    cold, peak = min(photo["cold_s"]), max(photo["cold_peak_mib"])
    console.print(f"one photo in a fresh process: {cold:.1f} s, {peak:.0f} MiB at most", markup=False)
    if noise > MOST_SPREAD:
        console.print(
            f"no ratio is claimed: {result['reference']} differs from itself by {noise:.0%} in this run, "
            f"over {MOST_SPREAD:.0%}: measure again when the machine is quiet",
            markup=False,
        )
    if words := busy(result["hardware"]):
        console.print(
            f"note: the machine was busy before ({words}), which slows some more than others: measure again "
            "when it is quiet",
            markup=False,
        )
    for name, reason in result["absent"].items():
        console.print(f"absent: {name}: {reason}", markup=False)


def _claim(speed: Mapping[str, Any], noise: float) -> str:
    """The speed relative to PyTorch with its spread, or why it is not claimed."""
    from amgan.benchmarking.timing import MOST_SPREAD

    varies = speed.get("spread", 0.0)
    if noise > MOST_SPREAD or varies > MOST_SPREAD:
        return f"not claimed (varies by {max(varies, noise):.0%})"
    return f"{speed['times_faster']:.2f} ± {max(varies, noise):.0%}"


def print_changes(changes: Sequence[SpeedChange], baseline: Mapping[str, Any]) -> None:
    """Print the comparison with a baseline, one line per contender."""
    day = baseline.get("date", "an unknown day")
    click.echo(f"compared with the baseline of {day}, times faster than PyTorch:")
    for one in changes:
        change = "" if one.change != one.change else f" ({one.change:+.0%})"
        click.echo(f"  {one.name}: {one.before:.2f} -> {one.now:.2f}{change} {one.fault or 'as it was'}")
