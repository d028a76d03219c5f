"""`amgan map`: a picture of the ages of a face, and a map to edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import (
    Aging,
    PathType,
    model_option,
    quiet_option,
    request_options,
)
from amgan.commands.output import check_picture, save_picture, tell
from amgan.commands.sources import require_photo
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from amgan.runtime.ages.request import Request
    from amgan.runtime.pictures.map_sheet import MapView

SAVED_MAP_PX = 512


@click.command("map")
@click.argument("photo", type=PathType)
@click.option(
    "-o", "--output", type=PathType, metavar="PICTURE", show_default="none",
    help="Picture to draw, .png or .jpg: present and wanted ages, zones, a scale in years, one row per face.",
)  # fmt: skip
@click.option(
    "--save-map", type=PathType, metavar="FILE", show_default="none",
    help="Write the wanted ages (without a request the present ones) as a map to edit and to use with --map: "
    "an 8-bit greyscale .png with years as grey values, or a .npy without rounding.",
)  # fmt: skip
@request_options
@model_option
@quiet_option
def command(
    photo: Path, output: Path | None, save_map: Path | None, model: Path | None, aging: Aging
) -> None:
    """Draw the present and the wanted ages over the faces of PHOTO.

    The photo itself is not aged. A saved map covers the canonical frame of one face, so it needs a photo of
    one face, or --faces largest.

    \b
    Examples:
      amgan map me.jpg -o map.png
      amgan map me.jpg -o map.png --age +20 --zone forehead=70
      amgan map me.jpg --age 70 --save-map wanted.png
    """  # noqa: D301
    if output is None and save_map is None:
        raise UsageError("nothing would be written: give a picture with -o, a map with --save-map, or both")
    if output is not None:
        check_picture(output)
    if save_map is not None:
        from amgan.runtime.ages.map_file import check_map_target

        check_map_target(save_map)
    asks = any(aging.asked[name] for name in ("age", "zones", "map_file", "population"))
    request = aging.request() if asks else None
    require_photo(photo)
    for target in (output, save_map):
        if target is not None and target.resolve() == photo.resolve():
            raise UsageError(f"'{target}' is the photo itself: name another file, it is never overwritten")
    from amgan.runtime.ages.map_file import write_map_file
    from amgan.runtime.photo.write import check_place
    from amgan.runtime.pictures.map_sheet import draw_views

    for target in (output, save_map):
        if target is not None:
            check_place(target)
    views = _views(photo, model, request, aging.asked["faces"])
    if save_map is not None:
        if len(views) > 1:
            raise UsageError(
                f"'{photo}' shows {len(views)} faces and a map is of one: add --faces largest or --face 2"
            )
        age_field = views[0].field_now if views[0].field_wanted is None else views[0].field_wanted
        tell(f"{write_map_file(age_field, save_map)}: map of {SAVED_MAP_PX} x {SAVED_MAP_PX}")
    if output is not None:
        save_picture(draw_views(views), output)
        tell(f"{output}: {len(views)} {'face' if len(views) == 1 else 'faces'}")


def _views(photo: Path, model: Path | None, request: Request | None, faces: str | int) -> list[MapView]:
    """Find and read the faces of a photo, without opening a generator."""
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.face.choice import pick
    from amgan.runtime.face.finder import FaceFinder
    from amgan.runtime.face.head_parser import HeadParser
    from amgan.runtime.photo.read import read_photo
    from amgan.runtime.pipeline.estimator import Estimator
    from amgan.runtime.pipeline.face_filter import NoFaceError, why_not_found

    bundle = Bundle.open(model)
    age_range = bundle.manifest.age_range
    if request is not None:
        request.check(age_range)
    pixels: NDArray[np.uint8] = read_photo(photo).pixels
    finder = FaceFinder()
    looked = finder.look(pixels)
    found = list(looked.faces)
    if not found:
        raise NoFaceError(f"'{photo}': {why_not_found(finder.explain(pixels, looked, HeadParser()))}")
    meant = pick(found, faces)
    if not meant:
        raise NoFaceError(
            f"'{photo}' shows {len(found)} faces, and none of them is {faces}: see `amgan estimate`"
        )
    from amgan.runtime.pictures.map_sheet import view_face

    estimator = Estimator(bundle)
    return [
        view_face(pixels, face, estimator.read(pixels, face), request, age_range, SAVED_MAP_PX)
        for face in meant
    ]
