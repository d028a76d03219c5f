"""Measures pairs of pictures before and after: results of other methods, or training pairs.

A folder contains NAME-before and NAME-after pictures (_ and . also separate the word), or the folders
``before`` and ``after`` with pictures of the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.photo.read import read_photo

from .belief import FaceBelief, belief_numbers, face_belief, over_faces
from .change import FaceChange
from .judges import Judges
from .looks import TILE_PX, Look, encode_tile
from .source import PHOTOS
from .statistics import rounded, summarise

KIND = "pairs"
_NAME = re.compile(r"(.+)[-_.](before|after)", re.IGNORECASE)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Pair:
    """Two files of one face."""

    name: str
    before: Path
    after: Path


@dataclass(frozen=True, eq=False)
class PairResult:
    """Measures of one pair: plausibility, years gained by judge, descriptor distance, and its pictures."""

    name: str
    belief: FaceBelief
    years: dict[str, float]
    distance: float
    look: Look


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of a folder by name. Raises UsageError where there are none, or a picture has no partner."""
    if not folder.is_dir():
        raise UsageError(f"'{folder}' is not a folder: give one with pictures before and after to --pairs")
    sides: dict[str, dict[str, Path]] = {"before": {}, "after": {}}
    for side, name, path in _named(folder):
        if name in sides[side]:
            raise UsageError(f"'{folder}' has two pictures {name} {side}: keep one of them")
        sides[side][name] = path
    alone = sorted(set(sides["before"]) ^ set(sides["after"]))
    if alone:
        raise UsageError(f"'{folder}' has no partner for {', '.join(alone[:3])}: give every face twice")
    if not sides["before"]:
        raise UsageError(
            f"'{folder}' holds no pairs: name pictures NAME-before.png and NAME-after.png, or put them into "
            "two folders, before and after"
        )
    return [Pair(name, path, sides["after"][name]) for name, path in sorted(sides["before"].items())]


def measure_pairs(
    pairs: list[Pair], judges: Judges, progress: Progress = lambda done, total, what: None
) -> tuple[list[PairResult], list[str]]:
    """Measure the largest face of every pair; also returns the names of pairs without a face.

    Raises PhotoError for a file that is not a picture, UsageError for a pair of different sizes.
    """
    finder, found, missing = FaceFinder(), [], []
    for number, pair in enumerate(pairs):
        before, after = read_photo(pair.before).pixels, read_photo(pair.after).pixels
        if before.shape != after.shape:
            raise UsageError(
                f"'{pair.before}' and '{pair.after}' have {_size(before)} and {_size(after)} px: give both "
                "in one size"
            )
        faces = finder.find(before)
        if faces:
            found.append(_measure(pair.name, before, after, faces[0], judges))
        else:
            missing.append(pair.name)
        progress(number + 1, len(pairs), pair.name)
    return found, missing


def pair_numbers(found: list[PairResult], missing: list[str]) -> dict[str, Any]:
    """The numbers for a result file."""
    years = found[0].years if found else {}
    return {
        "pairs_measured": len(found),
        "faces_not_found": missing,
        "belief": belief_numbers(over_faces([one.belief for one in found]))
        | {
            "years": {judge: summarise([one.years[judge] for one in found]) for judge in years},
            "distance": summarise([one.distance for one in found]),
        },
        "by_pair": [
            {
                "name": one.name,
                "darkness_codes": rounded(one.belief.darkness_codes),
                "row_period_px": rounded(one.belief.rows.period_px),
                "row_regularity": rounded(one.belief.rows.regularity),
                "years": {judge: rounded(years) for judge, years in one.years.items()},
                "distance": rounded(one.distance),
            }
            for one in found
        ],
    }


def _named(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Every picture with its side and its name."""
    if (folder / "before").is_dir() and (folder / "after").is_dir():
        for side in ("before", "after"):
            for path in sorted((folder / side).iterdir()):
                if path.suffix.lower() in PHOTOS:
                    yield side, path.stem, path
        return
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.stem)
        if named and path.suffix.lower() in PHOTOS:
            yield named[2].lower(), named[1], path


def _measure(
    name: str, before: NDArray[np.uint8], after: NDArray[np.uint8], face: Face, judges: Judges
) -> PairResult:
    both, landmarks = [before, after], face.landmarks[:, :2]
    first, second = judges.identity.describe(both, landmarks)
    read = {judge.name: judge.read(both, landmarks) for judge in judges.ages}
    to_tile, size = face.frame.to_photo(TILE_PX), (TILE_PX, TILE_PX)
    tiles = [encode_tile(sample_affine(picture, to_tile, size)) for picture in both]
    return PairResult(
        name,
        face_belief(FaceChange(name, before, after, landmarks)),
        {judge: float(now[1] - now[0]) for judge, now in read.items()},
        float(np.linalg.norm(second - first)),
        Look(name, KIND, "as given", *tiles),
    )


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
