"""`amgan label`: estimates apparent ages of zones from photos with a rough age of each face."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType
from amgan.commands.output import needs, progress_bar
from amgan.commands.sources import require_faces


@click.command("label")
@click.argument("faces", type=PathType)
@click.option(
    "--ages", required=True, type=PathType, metavar="CSV",
    help="Table with the columns file and age (or age_estimate), one row per photo.",
)  # fmt: skip
@click.option("-o", "--output", required=True, type=PathType, metavar="DATASET", help="Folder to write.")
@click.option(
    "--scores", type=PathType, metavar="CSV", show_default="none",
    help="Scores by experts: a column file and one per scored zone or part, in any unit.",
)  # fmt: skip
@click.option(
    "--true-ages", type=PathType, metavar="CSV", show_default="none",
    help="Portraits of known age, columns file, age and age_estimate: the ages of --ages are then treated as "
    "such estimates and calibrated.",
)  # fmt: skip
@click.option(
    "--folds", type=click.IntRange(2, 50), default=5, show_default=True, metavar="N",
    help="Number of cross-validation folds.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Seed of the folds; the same seed gives the same labels.",
)  # fmt: skip
def command(
    faces: Path,
    ages: Path,
    output: Path,
    scores: Path | None,
    true_ages: Path | None,
    folds: int,
    seed: int,
) -> None:
    """Estimate the apparent age of every zone of every face, from a rough age of each face.

    A regressor per zone learns the age of the face from that zone's pixels; its out-of-fold predictions tell
    where a face looks old. Writes labels.csv (apparent ages), scores.csv (raw scores), atlas.json,
    labels.json and report.html.

    \b
    Examples:
      amgan label faces --ages faces.csv -o labels
      amgan label faces --ages faces.csv --scores dermatologists.csv -o labels
      amgan label faces --ages faces.csv -o labels --folds 10 --seed 3
    """  # noqa: D301
    require_faces([faces], [ages])
    with needs("labelling faces", "train"):
        from amgan.labels.labelled import LabelOptions
        from amgan.labels.labelling import label_faces
        from amgan.labels.output import evidence

        options = LabelOptions(folds, seed, scores, true_ages)
        with progress_bar("labelling") as advance:
            labelled = label_faces(faces, ages, output, options, advance)
    if true_ages is not None:
        from amgan.faces.age_curve import curve_in_words

        click.echo(curve_in_words(true_ages))
    left = sum(labelled.left_out.values())
    why = ", ".join(f"{count} {reason}" for reason, count in labelled.left_out.items())
    click.echo(f"{len(labelled.faces)} faces labelled, {left} left out" + (f" ({why})" if why else ""))
    mean = evidence(labelled)["mean_of_zones"]["train"]
    click.echo(
        f"mean of all zones against whole-face age, out of fold: correlation {mean['correlation']}, "
        f"mean error {mean['mean_absolute_error']} years"
    )
    click.echo(f"labels written to {output}, look at {output / 'report.html'}")
