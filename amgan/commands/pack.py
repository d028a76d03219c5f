"""`amgan pack`: compresses a training set into one file."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType
from amgan.commands.output import needs, progress_bar


@click.command("pack")
@click.argument("dataset", type=PathType)
@click.option("-o", "--output", required=True, type=PathType, metavar="FILE", help="File to write.")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=90, show_default=True,
    help="WebP quality of the pictures.",
)  # fmt: skip
def command(dataset: Path, output: Path, quality: int) -> None:
    """Compress a dataset of `amgan prepare` into one file.

    \b
    Examples:
      amgan pack dataset -o dataset.zip
      amgan pack dataset -o dataset.zip --quality 80
    """  # noqa: D301
    with needs("packing a dataset", "train"):
        from amgan.data.packing import pack_set

        with progress_bar("packing") as advance:
            file = pack_set(dataset, output, quality, advance)
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
