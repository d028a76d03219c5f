"""`amgan train`: train the networks."""

from __future__ import annotations

import os
from pathlib import Path

import click

from amgan.commands.options import PathType
from amgan.commands.output import needs
from amgan.runtime.errors import UsageError


@click.command("train")
@click.option(
    "--config", required=True, type=PathType, metavar="FILE", help="Settings of the run, a TOML file."
)
@click.option(
    "--max-steps", type=click.IntRange(min=1), metavar="N", show_default="as in the settings",
    help="Stop after this many steps.",
)  # fmt: skip
@click.option(
    "--max-minutes", type=click.FloatRange(min=0, min_open=True), metavar="M", show_default="no limit",
    help="Stop after this many minutes; the run can be resumed.",
)  # fmt: skip
@click.option(
    "--resume/--fresh", default=True, show_default=True,
    help="Resume the run of these settings, or start over.",
)  # fmt: skip
def command(config: Path, max_steps: int | None, max_minutes: float | None, resume: bool) -> None:
    """Train the networks on a dataset of `amgan prepare`.

    \b
    Examples:
      amgan train --config my.toml
      amgan train --config my.toml --max-minutes 30
      amgan train --config my.toml --fresh --max-steps 100
      torchrun --nproc-per-node 2 -m amgan train --config my.toml     on two GPUs
      tensorboard --logdir runs                                       show progress
    """  # noqa: D301
    if not config.is_file():
        raise UsageError(f"the settings '{config}' do not exist: give a TOML file with --config")
    with needs("training", "train"):
        from amgan.training.loop import train

        weights = train(config, max_steps, max_minutes, not resume)
    if os.environ.get("RANK", "0") == "0":
        click.echo(f"weights written to {weights}")
