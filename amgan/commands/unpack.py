"""`amgan unpack`: restores a training set from one file."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType
from amgan.commands.output import needs, progress_bar


@click.command("unpack")
@click.argument("file", type=PathType)
@click.option("-o", "--output", required=True, type=PathType, metavar="DATASET", help="Folder to write.")
def command(file: Path, output: Path) -> None:
    """Restore the dataset of a FILE of `amgan pack`.

    \b
    Examples:
      amgan unpack dataset.zip -o dataset
    """  # noqa: D301
    with needs("unpacking a dataset", "train"):
        from amgan.data.packing import unpack_set

        with progress_bar("unpacking") as advance:
            folder = unpack_set(file, output, advance)
    click.echo(f"dataset written to {folder}")
