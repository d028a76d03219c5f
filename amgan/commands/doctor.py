"""`amgan doctor`: which engines can run on this machine, and what to install for others."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from amgan.runtime.doctor import Report


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, show_default="tables", help="Print JSON instead of tables.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the hardware and software of this machine, and which engines can run on it.

    For each engine that cannot run it prints the reason and the install command. The exit code is 0 if at
    least one engine can run, otherwise 1.

    \b
    Examples:
      amgan doctor
      amgan doctor --json
    """  # noqa: D301
    from amgan.runtime.doctor import examine

    report = examine()
    if as_json:
        click.echo(json.dumps({**asdict(report), "healthy": report.healthy}, indent=2))
    else:
        _print(report)
    ctx.exit(0 if report.healthy else 1)


def _print(report: Report) -> None:
    """Print the report as text, with commands on separate lines for copying."""
    cpu = report.cpu
    lines = [
        f"system        {report.system}",
        *([f"              {report.system_note}"] if report.system_note else []),
        f"python        {report.python}",
        *(f"{name:<14}{version or 'not installed'}" for name, version in report.versions.items()),
        f"processor     {cpu.model}, {cpu.cores} cores ({', '.join(cpu.features) or 'features unknown'})",
        f"computes in   {', '.join(cpu.capabilities) or 'unavailable'}",
        f"memory        {_gib(report.memory_mib)}, {_gib(report.memory_free_mib)} free",
    ]
    for gpu in report.gpus:
        lines.append(
            f"gpu           {gpu.name}, sm{gpu.compute}, {_gib(gpu.memory_mib)}, driver {gpu.driver}"
        )
    if not report.gpus:
        lines.append(f"gpu           none: {report.gpu_note}")
    lines.append(f"bundle        {'intact' if report.bundle_intact else 'NOT usable'}: {report.bundle}")
    for line in lines:
        click.echo(line)
    click.echo("\nengines")
    for engine in report.engines:
        click.echo(f"  {engine.name}: {'can run on ' + engine.device if engine.usable else 'cannot run'}")
        for reason in engine.reasons:
            click.echo(f"    - {reason}")
        for fix in engine.fixes:
            click.echo(f"    {fix}")


def _gib(mib: int) -> str:
    return f"{mib / 1024:.1f} GiB" if mib else "unknown"
