"""`amgan prepare`: photos of faces and their ages become a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType, require_faces
from amgan.commands.output import needs, progress_bar


@click.command("prepare")
@click.argument("faces", type=PathType)
@click.option(
    "--ages", required=True, type=PathType, metavar="CSV",
    help="Table with the columns file and age (or age_estimate), one row a photo.",
)  # fmt: skip
@click.option("-o", "--output", required=True, type=PathType, metavar="DATASET", help="Folder to write.")
@click.option(
    "--frame-px", type=click.IntRange(min=64), default=640, show_default=True, metavar="PX",
    help="Side of the square frame that each face is cut to, in pixels.",
)  # fmt: skip
@click.option(
    "--donor", "donors", multiple=True, metavar="FILE", show_default="chosen by rule",
    help="Old face whose wrinkles age the others; give several, what they share is used.",
)  # fmt: skip
@click.option(
    "--labels", type=PathType, metavar="LABELS", show_default="the age of the face everywhere",
    help="Folder that `amgan label` wrote: the age of every zone of its faces.",
)  # fmt: skip
@click.option(
    "--true-ages", type=PathType, metavar="CSV", show_default="none",
    help="Portraits of known age, columns file, age and age_estimate: the ages of --ages are then taken for "
    "such estimates, and calibrated.",
)  # fmt: skip
def command(
    faces: Path,
    ages: Path,
    output: Path,
    frame_px: int,
    donors: tuple[str, ...],
    labels: Path | None,
    true_ages: Path | None,
) -> None:
    """Turn photos of faces into a dataset.

    Finds and aligns the faces of the folder FACES and writes what `amgan train` reads.

    \b
    Examples:
      amgan prepare faces --ages faces.csv -o dataset
      amgan prepare faces --ages faces.csv --labels labels -o dataset
      amgan prepare faces --ages faces.csv -o dataset --frame-px 512
    """  # noqa: D301
    require_faces(faces, ages)
    with needs("preparing a dataset", "train"):
        from amgan.data.prepare import prepare_dataset

        with progress_bar("preparing") as advance:
            dataset = prepare_dataset(faces, ages, output, frame_px, advance, donors, labels, true_ages)
    if true_ages is not None:
        from amgan.faces.age_curve import curve_in_words

        click.echo(curve_in_words(true_ages))
    click.echo(f"dataset written to {dataset}")
