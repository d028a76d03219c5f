"""`amgan sweep`: one photo at several ages."""

from __future__ import annotations

from pathlib import Path

import click

from amgan.commands.options import (
    PathType,
    children_option,
    device_option,
    faces_option,
    features_option,
    hair_option,
    lines_option,
    model_option,
    neck_option,
    pattern_option,
    quiet_option,
    shape_option,
)
from amgan.commands.output import progress_bar, tell, tell_engine
from amgan.commands.sources import require_photo
from amgan.runtime.errors import UsageError

MARGIN = 0.12


@click.command("sweep")
@click.argument("photo", type=PathType)
@click.option(
    "--ages", "ages_text", default="20:80:5", show_default=True, metavar="FROM:TO:STEP|LIST",
    help="Ages in years: a range FROM:TO:STEP, or a list such as 25,40,70.",
)  # fmt: skip
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="FILE",
    help="File to write: .png is a labelled strip, .gif and .mp4 are animations, forwards and backwards.",
)  # fmt: skip
@click.option(
    "--zone", "zones", multiple=True, metavar="NAME", show_default="the whole face",
    help="Change only this zone, such as forehead; may be given again.",
)  # fmt: skip
@faces_option
@children_option
@pattern_option
@lines_option
@hair_option
@shape_option
@features_option
@neck_option
@click.option(
    "--fps", type=click.FloatRange(0.5, 60), default=8.0, show_default=True, metavar="RATE",
    help="Ages per second in an animation.",
)  # fmt: skip
@click.option(
    "--size", "side_px", type=click.IntRange(64, 4096), default=720, show_default=True, metavar="PX",
    help="Longest side of an animation, in pixels; the photo is never enlarged.",
)  # fmt: skip
@model_option
@device_option
@quiet_option
def command(
    photo: Path,
    ages_text: str,
    output: Path,
    zones: tuple[str, ...],
    faces: str | int,
    include_children: bool,
    pattern: int | None,
    lines: float,
    hair: bool,
    shape: bool,
    features: bool,
    neck: bool,
    fps: float,
    side_px: int,
    model: Path | None,
    device: str,
) -> None:
    """Show the faces of PHOTO at several ages, as a strip, an animation or a video.

    Faces are found and read once; the network runs once per age.

    \b
    Examples:
      amgan sweep me.jpg -o ages.png
      amgan sweep me.jpg --ages 20:80:2 -o ages.mp4
      amgan sweep me.jpg --ages 25,45,65 --zone forehead -o forehead.gif
    """  # noqa: D301
    require_photo(photo)
    if output.resolve() == photo.resolve():
        raise UsageError(f"'{output}' is the photo itself: name another file, it is never overwritten")
    from amgan.runtime.photo.write import check_place
    from amgan.runtime.pictures.sweep_files import check_target, load_video_writer, write_sweep
    from amgan.runtime.pipeline.sweep import parse_ages, sweep

    check_target(output)
    check_place(output)
    if output.suffix.lower() == ".mp4":
        load_video_writer(output)
    ages = parse_ages(ages_text)
    from amgan.runtime.ages.request import AgeSpec, Request
    from amgan.runtime.photo.read import read_photo
    from amgan.runtime.pipeline.face_filter import NoFaceError, why_none
    from amgan.runtime.pipeline.pipeline import Pipeline

    anywhere = AgeSpec(0.0, relative=True)
    request = Request(
        zones=tuple((name, anywhere) for name in zones),
        faces=faces,
        include_children=include_children,
        pattern=pattern,
        lines=lines,
        hair=hair,
        shape=shape,
        features=features,
        neck=neck,
    )
    pixels = read_photo(photo).pixels
    with Pipeline(model, device) as pipeline, progress_bar("ageing") as advance:
        chosen = pipeline.choose(pixels, request)
        if not chosen.taken:
            raise NoFaceError(f"'{photo}': {why_none(chosen.left, chosen.found)}", chosen.left)
        seen = chosen.taken
        frames = sweep(pipeline, pixels, ages, request, seen, advance)
        write_sweep(frames, output, _box(seen[0].face.box, pixels.shape), fps, side_px)
    tell_engine(pipeline.capabilities, device)
    many = f"{len(ages)} ages from {ages[0]:g} to {ages[-1]:g} years"
    tell(f"{output}: {many if len(ages) > 1 else f'one age, {ages[0]:g} years'}")


def _box(face: tuple[float, float, float, float], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A square around a face with its forehead and chin, within the photo, in px."""
    x0, y0, x1, y1 = face
    half = (0.5 + MARGIN) * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2 - 0.08 * (y1 - y0)
    left, top = max(0, round(x - half)), max(0, round(y - half))
    return left, top, min(shape[1], round(x + half)), min(shape[0], round(y + half))
