"""`amgan export`: a checkpoint becomes a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands import PathType, needs, say
from amgan.runtime.errors import UsageError


@click.command("export")
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="BUNDLE", help="Folder to write the bundle to."
)
@click.option(
    "--checkpoint", type=PathType, metavar="FILE", show_default="the shipped weights",
    help="Weights to export, a .safetensors file as `amgan train` writes it.",
)  # fmt: skip
def command(output: Path, checkpoint: Path | None) -> None:
    """Turn trained weights into a bundle.

    A bundle is the folder that every engine reads, and that --model names.

    \b
    Examples:
      amgan export -o bundle
      amgan export -o bundle --checkpoint runs/mine/last.safetensors
    """  # noqa: D301
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"the checkpoint '{checkpoint}' does not exist: give a .safetensors file")
    with needs("export", "export"):
        from amgan.export.bundle_export import export_bundle

        bundle = export_bundle(checkpoint, output, say)
    click.echo(f"bundle written to {bundle}")
