"""`amgan estimate`: how old each zone of each face looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import PathType, device_option, model_option, require_photo
from amgan.commands.output import save_picture
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.maps import FaceAges
    from amgan.runtime.face.finder import Face


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
    help="Picture to draw: the photo with a frame and its number around each face, for --face.",
)
@model_option
@device_option
def command(photo: Path, as_json: bool, draw: Path | None, model: Path | None, device: str) -> None:
    """Say how old each face of PHOTO looks, zone by zone, in years.

    These are apparent ages of the skin in this photo, not a statement about the person's age or health.

    \b
    Examples:
      amgan estimate me.jpg
      amgan estimate me.jpg --json
      amgan estimate friends.jpg --draw numbers.jpg
    """  # noqa: D301
    require_photo(photo)
    if draw is not None and draw.resolve() == photo.resolve():
        raise UsageError(f"'{draw}' is the photo itself: name another picture, it is never overwritten")
    from amgan.runtime.photo.read import read_photo
    from amgan.runtime.pipeline.face_filter import NoFaceError
    from amgan.runtime.pipeline.pipeline import Pipeline

    pixels = read_photo(photo).pixels
    with Pipeline(model, device) as pipeline:
        found = pipeline.estimate(pixels)
    if not found:
        raise NoFaceError(f"'{photo}' shows no face that can be read: try a larger, more frontal one")
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
    from rich.console import Console
    from rich.table import Table

    from amgan.runtime.ages.atlas_transfer import face_age

    table = Table(title=f"{photo}: apparent age in years")
    table.add_column("zone")
    for number, (face, _) in enumerate(found, start=1):
        table.add_column(f"face {number}\nat {face.box[0]:.0f}, {face.box[1]:.0f}", justify="right")
    table.add_row("face as a whole", *(f"{face_age(ages):.0f}" for _, ages in found), end_section=True)
    for name in found[0][1].parts:
        table.add_row(name, *(f"{ages.parts[name]:.0f}" for _, ages in found))
    Console().print(table)
