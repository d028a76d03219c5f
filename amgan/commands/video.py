"""`amgan video`: ages the faces of a video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.commands.options import (
    PathType,
    check_faces,
    children_option,
    device_option,
    lines_option,
    model_option,
    pattern_option,
)
from amgan.commands.output import progress_bar, say, tell_engine
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.video.session import VideoResult

_TIME = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)")


def parse_time(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds of "90", "1:30" or "0:01:30.5"; raises UsageError for anything else."""
    if value is None:
        return None
    found = _TIME.fullmatch(value.strip())
    if found is None:
        raise UsageError(f"{param.opts[0]} {value!r} is not a time: write seconds such as 90, or 1:30")
    hours, minutes, seconds = found[1], found[2], float(found[3])
    if minutes is None:
        hours, minutes = None, hours
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + seconds


@click.command("video")
@click.argument("source", type=PathType, metavar="IN")
@click.option(
    "-o", "--output", type=PathType, metavar="OUT", show_default="none",
    help="Output: .mp4, .m4v, .mov, .mkv or .webm; a folder if IN is a folder of frames.",
)  # fmt: skip
@click.option(
    "--age", metavar="YEARS|KEYS", show_default="unchanged",
    help="Wanted age in years, such as 70 or +20; or ages over time, such as 0:30,10:70, from 30 to 70 in "
    "ten seconds.",
)  # fmt: skip
@click.option(
    "--zone", "zones", multiple=True, metavar="NAME=YEARS|KEYS", show_default="none",
    help="Wanted age of one zone, such as forehead=+25 or forehead=0:+0,5:+25; may be given again.",
)  # fmt: skip
@click.option(
    "--easing", type=click.Choice(("smooth", "linear", "in", "out")), default="smooth", show_default=True,
    help="Interpolation of ages between times.",
)  # fmt: skip
@click.option(
    "--map", "map_file", type=PathType, metavar="FILE", show_default="none",
    help="Map of wanted ages instead of --age and --zone: a greyscale PNG or a .npy.",
)  # fmt: skip
@click.option(
    "--population", metavar="NAME|FILE", show_default="none, years unchanged",
    help="Atlas of the population to which the ages refer.",
)  # fmt: skip
@click.option(
    "--face", "people", multiple=True, metavar="N=YEARS|KEYS", show_default="none",
    help="Wanted age of one person by the number of --list-faces, such as 2=+30; may be given again. Without "
    "--age the others do not change.",
)  # fmt: skip
@click.option(
    "--faces", default="all", show_default=True, metavar="CHOICE", callback=check_faces,
    help="People to age: all; largest, the most prominent person; a number N, the N most prominent; left, "
    "right, X,Y or X0,Y0,X1,Y1 by the first position of the face.",
)  # fmt: skip
@click.option(
    "--list-faces", "sheet", type=PathType, metavar="SHEET.png", show_default="none",
    help="Only analyse the video and draw its people with their numbers.",
)  # fmt: skip
@click.option(
    "--strength", type=float, default=1.0, show_default=True, metavar="0..1",
    help="Share of the change to apply.",
)  # fmt: skip
@click.option(
    "--min-face", "min_face_px", type=click.FloatRange(0), metavar="PX", show_default="as amgan age",
    help="Minimum width of faces to search for, in pixels.",
)  # fmt: skip
@children_option
@pattern_option
@lines_option
@click.option(
    "--start", callback=parse_time, metavar="TIME", show_default="the beginning",
    help="Start at this time of IN: seconds such as 90, or 1:30.",
)  # fmt: skip
@click.option(
    "--end", callback=parse_time, metavar="TIME", show_default="the end", help="End before this time of IN."
)
@click.option(
    "--codec", type=click.Choice(("h264", "hevc", "prores", "ffv1", "vp9")), show_default="that of IN",
    help="Video codec; ffv1 is lossless.",
)  # fmt: skip
@click.option(
    "--quality", type=click.IntRange(0, 63), metavar="N", show_default="16 for h264, 18 for hevc",
    help="Quality (CRF) of h264, hevc and vp9: 0 is best, 51 worst (63 for vp9).",
)  # fmt: skip
@click.option(
    "--fps", "rate", type=click.FloatRange(1, 1000), default=25.0, show_default=True, metavar="RATE",
    help="Frame rate of a folder of numbered frames.",
)  # fmt: skip
@click.option("--force", is_flag=True, show_default="off", help="Start over instead of resuming.")
@model_option
@device_option
def command(
    source: Path,
    output: Path | None,
    age: str | None,
    zones: tuple[str, ...],
    easing: str,
    map_file: Path | None,
    population: str | None,
    people: tuple[str, ...],
    faces: str | int,
    sheet: Path | None,
    strength: float,
    min_face_px: float | None,
    include_children: bool,
    pattern: int | None,
    lines: float,
    start: float | None,
    end: float | None,
    codec: str | None,
    quality: int | None,
    rate: float,
    force: bool,
    model: Path | None,
    device: str,
) -> None:
    """Age the faces of the video IN, or of a folder of numbered frames, without flicker.

    Size, frame rate, colours and everything outside the faces are kept; sound and subtitles are copied. Run
    the same command again to resume an interrupted run.

    \b
    Examples:
      amgan video me.mp4 -o old.mp4 --age 70
      amgan video me.mp4 -o years.mp4 --age 0:30,10:70
      amgan video us.mp4 --list-faces faces.png
      amgan video us.mp4 -o old.mp4 --face 2=+30 --start 0:10 --end 0:20
      amgan video film.mov -o film.mkv --age +15 --zone forehead=+25 --codec ffv1
    """  # noqa: D301
    from amgan.runtime.pipeline.pipeline import Pipeline
    from amgan.runtime.video.library import load_av

    if not source.is_dir():
        load_av(source)
    if (output is None) == (sheet is None):
        raise UsageError("give -o with the video to write, or --list-faces with a picture, and not both")
    if sheet is not None:
        _list_faces(source, sheet, min_face_px, start, end, rate, model, device)
        return
    from amgan.runtime.video.request import VideoRequest, base_request
    from amgan.runtime.video.session import VideoSession

    assert output is not None
    base = base_request(
        faces, strength, map_file, population, min_face_px,
        include_children=include_children, pattern=pattern, lines=lines,
    )  # fmt: skip
    request = VideoRequest.parse(base, age, zones, people, easing)
    session = VideoSession(source, output, request, codec, quality, start, end, force, rate)
    with Pipeline(model, device) as pipeline, _bars() as advance:
        result = session.run(pipeline, advance)
    _print_result(result)
    tell_engine(pipeline.capabilities, device)


def _print_result(result: VideoResult) -> None:
    """Print the number of pictures and faces, the people who were not aged, and lost tracks."""
    for person in result.people:
        if person.reason:
            say(f"face {person.number} is left alone: {person.reason}")
    if not result.people:
        say("no face was found: the pictures are as they were")
    if result.left_out:
        say(f"left out: {', '.join(sorted(set(result.left_out)))} tracks, which are not sound or subtitles")
    word = "face" if result.aged == 1 else "faces"
    shown = "picture" if result.pictures == 1 else "pictures"
    click.echo(f"{result.output}: {result.pictures} {shown}, {result.aged} {word} aged")


@contextmanager
def _bars() -> Iterator[Callable[[int, int, str], None]]:
    """Progress bars for the parts of a run, one after the other, because their rates differ."""
    with ExitStack() as bars:
        shown: dict[str, Callable[[int, int, str], None]] = {}

        def advance(done: int, total: int, what: str) -> None:
            if what not in shown:
                bars.close()
                shown.clear()
                shown[what] = bars.enter_context(progress_bar(what))
            shown[what](done, total, "")

        yield advance


def _list_faces(
    source: Path, sheet: Path, min_face_px: float | None, start: float | None, end: float | None,
    rate: float, model: Path | None, device: str,
) -> None:  # fmt: skip
    from amgan.runtime.photo.write import check_place
    from amgan.runtime.pipeline.pipeline import Pipeline
    from amgan.runtime.video.sheet import check_sheet, list_people, write_sheet
    from amgan.runtime.video.source import open_source

    check_sheet(sheet)
    check_place(sheet)
    pictures = open_source(source, start, end, rate)
    with Pipeline(model, device) as pipeline, progress_bar("looking") as advance:
        people = list_people(pipeline, pictures, min_face_px, advance)
    write_sheet(people, sheet)
    for one in people:
        shown = "picture" if one.pictures == 1 else "pictures"
        click.echo(f"face {one.person.number}: looks {one.person.age:.0f}, {one.pictures} {shown}")
    click.echo(f"{sheet}: {len(people)} {'person' if len(people) == 1 else 'people'}")
