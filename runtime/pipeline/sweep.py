"""One photo at several ages; faces are found and read once."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..ages.request import AgeSpec, Request
from ..errors import UsageError
from .face_filter import Chosen, NoFaceError, why_none

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .results import StartedPhoto
    from .seen_face import SeenFace

MAX_AGES = 500
_AGES = re.compile(r"(\d{1,3}):(\d{1,3})(?::(\d{1,2}(?:\.\d+)?))?")


@dataclass(frozen=True, eq=False)
class SweepFrame:
    """The photo at one age: wanted ``years``, ``pixels`` uint8 [H, W, 3]."""

    years: float
    pixels: NDArray[np.uint8]


def parse_ages(text: str) -> tuple[float, ...]:
    """Parse ages in years: "20:80:5" (from, to, step; the default step is 5) or "25,40,70".

    Ranges include both ends and may be descending. Raises UsageError.
    """
    found = _AGES.fullmatch(text.strip())
    if found is None:
        try:
            ages = tuple(float(part) for part in text.split(","))
        except ValueError:
            ages = ()
        if not ages or not all(math.isfinite(age) and 0 <= age <= 999 for age in ages):
            raise UsageError(f"{text!r} are not ages: write a range such as 20:80:5, or a list such as 25,70")
        return ages
    first, last, step = float(found[1]), float(found[2]), float(found[3] or 5)
    if not step:
        raise UsageError(f"{text!r} has a step of 0 years: write one such as 20:80:5")
    count = math.floor(abs(last - first) / step + 1e-9) + 1
    if count > MAX_AGES:
        raise UsageError(f"{text!r} are {count} ages, more than {MAX_AGES}: take a larger step")
    ages = tuple(first + math.copysign(step, last - first) * i for i in range(count))
    return ages if math.isclose(ages[-1], last) else (*ages, last)


def sweep(
    pipeline: Pipeline,
    rgb: NDArray[np.uint8],
    ages: Sequence[float],
    request: Request | None = None,
    seen: Sequence[SeenFace] | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Iterator[SweepFrame]:
    """Yield the photo, uint8 [H, W, 3], at each age in order; a few ages are in flight at any time.

    ``request`` gives faces, pattern and strength; if it has zones, the ages apply to them instead of the
    whole face; its own ages are ignored. ``seen`` are the faces of the photo, if known. Raises UsageError for
    ages outside the model's range, NoFaceError if there is no face, and EngineError.
    """
    asked = request or Request()
    requests = [_at(asked, years) for years in ages]
    for one in requests:
        one.check(pipeline.manifest.age_range, pipeline.manifest.patterns)
    chosen = pipeline.choose(rgb, asked) if seen is None else Chosen(tuple(seen))
    faces = chosen.taken
    if not faces:
        raise NoFaceError(why_none(chosen.left, chosen.found), chosen.left, chosen.found)
    in_flight: deque[tuple[float, StartedPhoto]] = deque()
    ahead = pipeline.capabilities.in_flight + 1
    done = 0
    for years, one in zip(ages, requests, strict=True):
        in_flight.append((years, pipeline.start(rgb, one, f"the photo at {years:g} years", faces)))
        while len(in_flight) > ahead or (in_flight and done + len(in_flight) == len(requests)):
            first, started = in_flight.popleft()
            yield SweepFrame(first, pipeline.finish(started).pixels)
            done += 1
            progress(done, len(requests), f"{first:g} years")


def _at(asked: Request, years: float) -> Request:
    """The request with one age for its zones, or for the whole face."""
    age = AgeSpec(years, relative=False)
    if asked.zones:
        return replace(asked, age=None, zones=tuple((name, age) for name, _ in asked.zones), aging_map=None)
    return replace(asked, age=age, aging_map=None)
