"""`amgan estimate`: the apparent age of each zone of each face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import PathType, device_option, model_option
from amgan.commands.output import check_picture, save_picture
from amgan.commands.sources import require_photo
from amgan.commands.tables import wide_console
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.maps import FaceAges
    from amgan.runtime.face.finder import Face


# Widths of the column of zone names and of a face's column, with their borders.
_ZONE_COLUMNS, _FACE_COLUMNS = 24, 19


@click.command("estimate")
@click.argument("photo", type=PathType)
@click.option(
    "--json", "as_json", is_flag=True, show_default="a table", help="Print JSON instead of a table."
)
@click.option(
    "--draw",
    type=PathType,
    metavar="PICTURE",
    show_default="none",
    help="Draw the photo with numbered boxes around its faces (the numbers of --face) into this file.",
)
@model_option
@device_option
def command(photo: Path, as_json: bool, draw: Path | None, model: Path | None, device: str) -> None:
    """Estimate the apparent age of each face of PHOTO by zone, in years.

    Apparent ages are those of the skin in this photo; they are no statement about a person's age or health.

    \b
    Examples:
      amgan estimate me.jpg
      amgan estimate me.jpg --json
      amgan estimate friends.jpg --draw numbers.jpg
    """  # noqa: D301
    require_photo(photo)
    if draw is not None:
        check_picture(draw)
    if draw is not None and draw.resolve() == photo.resolve():
        raise UsageError(f"'{draw}' is the photo itself: name another picture, it is never overwritten")
    from amgan.runtime.ages.request import Request
    from amgan.runtime.photo.read import read_photo
    from amgan.runtime.photo.write import check_place
    from amgan.runtime.pipeline.face_filter import NoFaceError, why_not_found
    from amgan.runtime.pipeline.pipeline import Pipeline

    if draw is not None:
        check_place(draw)
    pixels = read_photo(photo).pixels
    with Pipeline(model, device) as pipeline:
        found = pipeline.estimate(pixels)
        if not found:
            raise NoFaceError(f"'{photo}': {why_not_found(pipeline.choose(pixels, Request()).found)}")
    if draw is not None:
        from amgan.runtime.pictures.numbered_faces import draw_numbers

        save_picture(draw_numbers(pixels, [face for face, _ in found]), draw)
    if as_json:
        faces = [{"face": number} | _as_dict(*one) for number, one in enumerate(found, start=1)]
        click.echo(json.dumps({"photo": str(photo), "faces": faces}, indent=2))
    else:
        _print_table(photo, found)


def _as_dict(face: Face, ages: FaceAges) -> dict[str, object]:
    from amgan.runtime.ages.atlas_transfer import face_age

    return {
        "box": [round(v, 1) for v in face.box],
        "age": round(face_age(ages), 1),
        "zones": {name: round(float(years), 1) for name, years in ages.parts.items()},
    }


def _print_table(photo: Path, found: list[tuple[Face, FaceAges]]) -> None:
    from rich.table import Table

    from amgan.runtime.ages.atlas_transfer import face_age

    console = wide_console()
    # Not the title of the table: rich would wrap the name and parse brackets in it as markup.
    click.echo(f"{photo}: apparent age in years")
    numbers = list(enumerate(found, start=1))
    each = max(1, (console.width - _ZONE_COLUMNS) // _FACE_COLUMNS)
    for first in range(0, len(numbers), each):
        some = numbers[first : first + each]
        table = Table()
        table.add_column("zone", no_wrap=True)
        for number, (face, _) in some:
            heading = f"face {number}\nat {face.box[0]:.0f}, {face.box[1]:.0f}"
            table.add_column(heading, justify="right", no_wrap=True)
        ages_of = [ages for _, (_, ages) in some]
        table.add_row("face as a whole", *(f"{face_age(a):.0f}" for a in ages_of), end_section=True)
        for name in found[0][1].parts:
            table.add_row(name, *(f"{a.parts[name]:.0f}" for a in ages_of))
        console.print(table)
