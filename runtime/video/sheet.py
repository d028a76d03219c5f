"""A sheet with the people of a video, with the numbers of `--face`."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..errors import UsageError, VideoError
from ..face.warp import sample_affine
from ..files import whole_file
from ..pictures.drawing import BACKGROUND, INK, font
from ..pipeline.pipeline import Pipeline
from .aging import Person, know_people
from .analysis import ROWS, analyse, pictures_with_numbers
from .probe import say_time
from .source import Source
from .tracks import Analysis, LandmarkRows, face_of_row

CELL_PX = 256
LABEL_PX = 52
COLUMNS = 5


@dataclass(frozen=True, eq=False)
class ListedPerson:
    """A person of a video: the number for `--face`, a portrait uint8 [CELL_PX, CELL_PX, 3], and times.

    ``first`` and ``last`` are seconds from the first picture, ``pictures`` the number of pictures with them.
    """

    person: Person
    portrait: NDArray[np.uint8]
    first: float
    last: float
    pictures: int


def list_people(
    pipeline: Pipeline,
    source: Source,
    min_face_px: float | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> list[ListedPerson]:
    """Analyse a whole video and return its people, the most prominent first.

    Raises VideoError, EngineError, and UsageError if there is no face.
    """
    with tempfile.TemporaryDirectory(prefix="amgan-video-") as name:
        folder = Path(name)
        analysis = analyse(pipeline, source, folder, min_face_px, progress)
        people = know_people(analysis.tracks, analysis.people)
        if not people:
            raise UsageError("the video shows no face: try a smaller `min_face_px`")
        rows = LandmarkRows(folder / ROWS)
        return [_listed(one, source, analysis, rows) for one in people]


def check_sheet(path: Path) -> None:
    """Raise UsageError for an unsupported file name of a sheet."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"'{path}' cannot hold a sheet of faces: name it .png or .jpg")


def write_sheet(people: Sequence[ListedPerson], path: Path) -> None:
    """Draw people with numbers, present ages and times, and write the sheet atomically as PNG or JPEG."""
    check_sheet(path)
    suffix, sheet = path.suffix.lower(), draw_sheet(people)
    content = io.BytesIO()
    sheet.save(content, "PNG" if suffix == ".png" else "JPEG", quality=92)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, suffix) as temporary, temporary.open("xb") as stream:
            stream.write(content.getbuffer())
    except OSError as error:
        raise VideoError(
            f"'{path}' cannot be written ({error.strerror or error}): check the folder"
        ) from error


def draw_sheet(people: Sequence[ListedPerson]) -> Image.Image:
    """Draw people side by side, COLUMNS per row."""
    columns = min(len(people), COLUMNS)
    height = CELL_PX + LABEL_PX
    sheet = Image.new("RGB", (columns * CELL_PX, -(-len(people) // columns) * height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, one in enumerate(people):
        x, y = index % columns * CELL_PX, index // columns * height
        sheet.paste(Image.fromarray(one.portrait), (x, y))
        name = f"face {one.person.number}: looks {one.person.age:.0f}"
        times = f"{say_time(one.first)} to {say_time(one.last)}, {one.pictures} pictures"
        draw.text((x + 6, y + CELL_PX + 4), name, fill=INK, font=font(20))
        draw.text((x + 6, y + CELL_PX + 30), times, fill=INK, font=font(14))
    return sheet


def _listed(person: Person, source: Source, analysis: Analysis, rows: LandmarkRows) -> ListedPerson:
    """A person with a portrait from the most frontal of the larger readings."""
    readings = [(track, one) for track in person.tracks for one in track.readings]
    widest = max(one.width_px for _, one in readings)
    track, best = min(
        ((t, one) for t, one in readings if one.width_px >= 0.6 * widest), key=lambda pair: abs(pair[1].turn)
    )
    at = list(track.frames).index(best.frame)
    face = face_of_row(rows, track.rows[at], track.presences[at])
    (_, _, picture), *_ = pictures_with_numbers(source, analysis, best.frame, best.frame + 1)
    matrix = face.frame.to_photo(CELL_PX)
    portrait = sample_affine(picture.rgb(), matrix, (CELL_PX, CELL_PX))
    first = min(t.frames[0] for t in person.tracks)
    last = max(t.frames[-1] for t in person.tracks)
    begin, end = (source.seconds(analysis.keys[number]) for number in (first, last))
    return ListedPerson(person, portrait, begin, end, sum(len(t.frames) for t in person.tracks))
