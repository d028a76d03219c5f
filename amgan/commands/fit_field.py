"""`amgan fit-field`: fits an aging field to photos of faces of known age."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import PathType, true_ages_option
from amgan.commands.output import needs, progress_bar
from amgan.commands.sources import require_faces


@click.command("fit-field")
@click.argument("faces", type=PathType, nargs=-1, required=True)
@click.option(
    "--ages", "tables", required=True, multiple=True, type=PathType, metavar="CSV",
    help="Table with the columns file and age (or age_estimate), one row per photo; may be given again.",
)  # fmt: skip
@click.option(
    "--patterns", "recipe", required=True, type=PathType, metavar="TOML",
    help="Recipe: which old faces give lines to which zones, such as amgan/weights/patterns.toml.",
)  # fmt: skip
@click.option("-o", "--output", required=True, type=PathType, metavar="FIELD", help="File to write, .npz.")
@click.option(
    "--report", type=PathType, metavar="DIR", show_default="none",
    help="Folder for a report with pictures of the field and counts of its faces.",
)  # fmt: skip
@true_ages_option
@click.option(
    "--most-per-decade", type=click.IntRange(min=1), metavar="N", show_default="all",
    help="Maximum number of faces per table and decade of age; selected by file name.",
)  # fmt: skip
def command(
    faces: tuple[Path, ...],
    tables: tuple[Path, ...],
    recipe: Path,
    output: Path,
    report: Path | None,
    true_ages: Path | None,
    most_per_decade: int | None,
) -> None:
    """Fit the effect of age on the faces of a population.

    Every face of the folders FACES is warped to the mean face, and each of its pixels is regressed on age;
    patterns of lines come from the old faces of the recipe. `amgan prepare --field` uses the file to make
    older and younger versions of faces. Held-out faces are not used.

    \b
    Examples:
      amgan fit-field faces --ages faces.csv --patterns patterns.toml -o field.npz
      amgan fit-field faces --ages faces.csv --patterns patterns.toml -o field.npz --report field
      amgan fit-field faces portraits --ages faces.csv --ages portraits.csv --patterns patterns.toml \\
          --true-ages known.csv -o field.npz
    """  # noqa: D301
    require_faces(faces, tables)
    from amgan.runtime.photo.write import check_place

    check_place(output)
    with needs("fitting an aging field", "train"):
        from amgan.faces.age_curve import read_age_curve
        from amgan.faces.face_rows import read_face_rows, thinned
        from amgan.pairs.build_field import build_field
        from amgan.pairs.field_report import write_report
        from amgan.pairs.recipe import read_recipe

        curve = None if true_ages is None else read_age_curve(true_ages)[0]
        patterns = read_recipe(recipe)
        rows = thinned(read_face_rows(tables, curve), most_per_decade, patterns.donors)
        with progress_bar("fitting") as advance:
            field, groups = build_field(faces, rows, patterns, advance)
        field.save(output)
        click.echo(f"aging field written to {output}")
        if report is not None:
            write_report(report, field, groups)
            click.echo(f"report written to {report / 'report.html'}")
