"""`amgan prepare`: makes a dataset from photos of faces and their ages."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType, true_ages_option
from amgan.commands.output import needs, progress_bar
from amgan.commands.sources import require_faces


@click.command("prepare")
@click.argument("faces", type=PathType, nargs=-1, required=True)
@click.option(
    "--ages", "tables", required=True, multiple=True, type=PathType, metavar="CSV",
    help="Table with the columns file and age (or age_estimate), one row per photo; may be given again.",
)  # fmt: skip
@click.option("-o", "--output", required=True, type=PathType, metavar="DATASET", help="Folder to write.")
@click.option(
    "--field", type=PathType, metavar="FIELD", show_default="the shipped one",
    help="Aging field of `amgan fit-field`.",
)  # fmt: skip
@click.option(
    "--frame-px", type=click.IntRange(min=64), default=512, show_default=True, metavar="PX",
    help="Side of the canonical frames in pixels.",
)  # fmt: skip
@true_ages_option
@click.option(
    "--labels", type=PathType, metavar="LABELS", show_default="the age of the face everywhere",
    help="Folder of `amgan label` with the age of every zone.",
)  # fmt: skip
@click.option(
    "--most-per-decade", type=click.IntRange(min=1), metavar="N", show_default="all",
    help="Maximum number of training faces per table and decade of age; selected by file name.",
)  # fmt: skip
def command(
    faces: tuple[Path, ...],
    tables: tuple[Path, ...],
    output: Path,
    field: Path | None,
    frame_px: int,
    true_ages: Path | None,
    labels: Path | None,
    most_per_decade: int | None,
) -> None:
    """Make a dataset from photos of faces.

    Finds and aligns the faces of the folders FACES, makes older and younger versions of them, and writes the
    input of `amgan train`. A table may also have the columns sex (female or male), kind, and age_is
    ("estimated" for ages by an estimator).

    \b
    Examples:
      amgan prepare faces --ages faces.csv -o dataset
      amgan prepare faces --ages faces.csv --labels labels -o dataset
      amgan prepare faces portraits --ages faces.csv --ages portraits.csv -o dataset
    """  # noqa: D301
    require_faces(faces, tables)
    with needs("preparing a dataset", "train"):
        from amgan.data.prepare import PrepareOptions, prepare_dataset
        from amgan.pairs.aging_field import SHIPPED

        options = PrepareOptions(
            frame_px=frame_px,
            field=field or SHIPPED,
            true_ages=true_ages,
            labels=labels,
            most_per_decade=most_per_decade,
        )
        with progress_bar("preparing") as advance:
            dataset = prepare_dataset(faces, tables, output, options, advance)
    if true_ages is not None:
        from amgan.faces.age_curve import curve_in_words

        click.echo(curve_in_words(true_ages))
    click.echo(f"dataset written to {dataset}")
