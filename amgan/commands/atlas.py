"""`amgan atlas`: fit, show and validate atlases of populations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import PathType
from amgan.commands.output import save_picture, say
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.atlas import Atlas


@click.group("atlas")
def command() -> None:
    """Fit, show and validate atlases: per population, the usual score of every sign by age.

    \b
    Examples:
      amgan atlas fit data/labels -o mine.json
      amgan atlas show base -o curves.png
      amgan atlas check mine.json
      amgan age me.jpg -o old.jpg --age 70 --population mine.json
    """  # noqa: D301


@command.command("fit")
@click.argument("dataset", type=PathType)
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="FILE",
    help="Atlas file to write, .json; with --group one per group, FILE-GROUP.json.",
)  # fmt: skip
@click.option(
    "--group", metavar="COLUMN", show_default="all faces in one",
    help="Column of the table that names each face's population.",
)  # fmt: skip
@click.option(
    "--table", type=PathType, metavar="CSV", show_default="scores.csv of DATASET",
    help="Table with the columns 'file' and COLUMN.",
)  # fmt: skip
@click.option("--name", metavar="NAME", show_default="FILE without .json", help="Name of the atlas.")
@click.option(
    "--source", metavar="TEXT", show_default="the path of DATASET",
    help="Description of the faces and their origin for users of the atlas.",
)  # fmt: skip
@click.option(
    "--unit", metavar="UNIT", show_default="as in DATASET, or years",
    help="Unit of the scores; atlases with the same unit can be converted into each other.",
)  # fmt: skip
def fit(
    dataset: Path,
    output: Path,
    group: str | None,
    table: Path | None,
    name: str | None,
    source: str | None,
    unit: str | None,
) -> None:
    """Fit an atlas to the scored faces of DATASET, a folder that `amgan label` wrote, or a CSV table.

    The table has the columns file, age, and one per part of every zone. Groups with too few faces are skipped
    and listed; held-out faces are not used. An atlas does not define who belongs to a population: its user
    chooses the atlas.

    \b
    Examples:
      amgan atlas fit data/labels -o mine.json --source "portraits of our clinic, 2024"
      amgan atlas fit data/labels -o by-region.json --group region --table people.csv
    """  # noqa: D301
    if output.suffix.lower() != ".json":
        raise UsageError(f"'{output}' cannot be the atlas: name it .json")
    if table is not None and group is None:
        raise UsageError("--table without --group has no effect: name the column of the groups with --group")
    from amgan.labels.atlas_fit import (
        MIN_GROUP_FACES,
        SCORES,
        fit_atlas,
        read_groups,
        read_scores,
        split_by_group,
    )
    from amgan.runtime.ages.atlas import write_atlas

    faces = read_scores(dataset, unit)
    name, source = name or output.stem, source or str(dataset)
    if group is None:
        _report(write_atlas(fit_atlas(faces, name, source), output), len(faces.files))
        return
    scores = dataset / SCORES if dataset.is_dir() else dataset
    enough, few = split_by_group(faces, read_groups(table or scores, group))
    for one, count in few.items():
        say(f"left out: {group} {one!r} has {count} faces, an atlas needs {MIN_GROUP_FACES}")
    if not enough:
        raise UsageError(
            f"no group of {group!r} has the {MIN_GROUP_FACES} faces that an atlas needs: use a coarser column"
        )
    if len({_slug(one) for one in enough}) < len(enough):
        raise UsageError(
            f"groups of {group!r} differ in case or signs alone, {', '.join(enough)}: write them alike"
        )
    for one, members in enough.items():
        target = output.with_name(f"{output.stem}-{_slug(one)}.json")
        atlas = fit_atlas(members, f"{name}-{_slug(one)}", f"{source}; {group}: {one}")
        _report(write_atlas(atlas, target), len(members.files))


@command.command("show")
@click.argument("atlas", metavar="NAME|FILE")
@click.option(
    "-o", "--output", type=PathType, metavar="PICTURE", show_default="none",
    help="Draw all curves into this .png file.",
)  # fmt: skip
def show(atlas: str, output: Path | None) -> None:
    """Print the source of an atlas, and the usual score of every sign at every fifth or tenth year.

    \b
    Examples:
      amgan atlas show base
      amgan atlas show mine.json -o curves.png
    """  # noqa: D301
    from amgan.runtime.ages.atlas import read_atlas

    found = read_atlas(atlas)
    if output is not None and output.suffix.lower() != ".png":
        raise UsageError(f"'{output}' cannot hold the picture: name it .png")
    _print_table(found)
    if output is not None:
        from amgan.runtime.pictures.atlas_chart import draw_atlas

        save_picture(draw_atlas(found), output)
        click.echo(str(output))


@command.command("check")
@click.argument("atlas", metavar="NAME|FILE")
def check(atlas: str) -> None:
    """Validate an atlas.

    \b
    Examples:
      amgan atlas check mine.json
    """  # noqa: D301
    from amgan.runtime.ages.atlas import read_atlas

    found = read_atlas(atlas)
    click.echo(
        f"{atlas}: good; {found.name} {found.version}, {found.faces} faces of {found.ages[0]:g} to "
        f"{found.ages[1]:g} years, {len(found.curves)} signs; source: {found.source}"
    )


def _report(path: Path, faces: int) -> None:
    click.echo(f"{path}: atlas of {faces} faces")


def _slug(text: str) -> str:
    """A group's name as part of a file's name."""
    return "".join(c if c.isalnum() else "-" for c in text.lower()).strip("-") or "unnamed"


def _print_table(atlas: Atlas) -> None:
    from amgan.commands.tables import make_table, wide_console

    low, high = atlas.ages
    years = [age for age in range(10, 100, 10) if low - 5 <= age <= high + 5]
    title = f"{atlas.name} {atlas.version}: usual score at each age"
    table = make_table(title, "sign", "unit", *map(str, years), right=tuple(map(str, years)))
    for name, curve in atlas.curves.items():
        table.add_row(name, curve.unit, *(f"{curve.score_of(float(age)):.3g}" for age in years))
    console = wide_console()
    console.print(table)
    click.echo(f"{atlas.faces} faces of {low:g} to {high:g} years; source: {atlas.source}")
