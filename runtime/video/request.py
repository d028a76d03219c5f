"""The request for a video: ages that may change with time, for all people or single ones."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from ..ages.request import AgeSpec, Request
from ..errors import UsageError
from ..face.choice import parse_faces
from ..face.easing import eased
from ..face.zones import parts_of

EASINGS = ("smooth", "linear", "in", "out")
_KEY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*:\s*(\S+)\s*")


@dataclass(frozen=True)
class Keys:
    """Keyframes of an age: (seconds, age) in order of time; constant before the first and after the last."""

    points: tuple[tuple[float, AgeSpec], ...]
    easing: str = "smooth"

    @classmethod
    def parse(cls, text: str, easing: str = "smooth") -> Keys:
        """Parse "70", "+20" or "0:30,10:70" (seconds and ages); raises UsageError for anything else."""
        if easing not in EASINGS:
            raise UsageError(f"there is no easing '{easing}': choose {', '.join(EASINGS)}")
        if ":" not in text:
            return cls(((0.0, AgeSpec.parse(text)),), easing)
        points = []
        for part in text.split(","):
            found = _KEY.fullmatch(part)
            if found is None:
                raise UsageError(
                    f"{text!r} are no ages over time: write seconds and ages, such as 0:30,10:70"
                )
            points.append((float(found[1]), AgeSpec.parse(found[2])))
        if any(b[0] <= a[0] for a, b in pairwise(points)):
            raise UsageError(f"the times of {text!r} do not go up: write them in order, such as 0:30,10:70")
        if len({age.relative for _, age in points}) > 1:
            raise UsageError(f"{text!r} mixes ages and changes: write all with a sign, such as 0:+0,10:+30")
        return cls(tuple(points), easing)

    def at(self, seconds: float) -> AgeSpec:
        """The age at a time."""
        times = [time for time, _ in self.points]
        after = bisect_right(times, seconds)
        if after == 0:
            return self.points[0][1]
        if after == len(times):
            return self.points[-1][1]
        (begin, first), (end, second) = self.points[after - 1], self.points[after]
        share = _eased((seconds - begin) / (end - begin), self.easing)
        years = first.years + share * (second.years - first.years)
        return AgeSpec(years, first.relative)


@dataclass(frozen=True)
class VideoRequest:
    """A request for a video.

    ``base`` has everything constant: faces, strength, map, population, pattern, lines and limits. ``age`` and
    ``zones`` may change with time, in seconds from the beginning of the output. ``people`` are ages of single
    people by number; without an ``age``, a zone or a map the others are not aged.
    """

    base: Request
    age: Keys | None = None
    zones: tuple[tuple[str, Keys], ...] = ()
    people: dict[int, Keys] = field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        base: Request | None = None,
        age: str | None = None,
        zones: Iterable[str] = (),
        people: Iterable[str] = (),
        easing: str = "smooth",
    ) -> VideoRequest:
        """Make a request from text, such as ("0:30,10:70", ["forehead=+25"], ["2=+30"]).

        ``base`` None is the default request. Raises UsageError.
        """
        read_zones = []
        for text in zones:
            name, equals, years = text.partition("=")
            if not equals or not name.strip():
                raise UsageError(f"{text!r} is not a zone with an age: write it such as forehead=+25")
            parts_of(name.strip())
            read_zones.append((name.strip(), Keys.parse(years, easing)))
        persons: dict[int, Keys] = {}
        for text in people:
            number, equals, years = text.partition("=")
            if not equals or not number.strip().isdecimal() or not int(number):
                raise UsageError(f"{text!r} is not a face with an age: write it such as 2=+30")
            persons[int(number)] = Keys.parse(years, easing)
        return cls(
            base or Request(), None if age is None else Keys.parse(age, easing), tuple(read_zones), persons
        )

    def check(self, age_range: tuple[float, float], patterns: int) -> None:
        """Raise UsageError for an empty request, or one that the model does not support."""
        if self.age is None and not self.zones and not self.people and self.base.aging_map is None:
            raise UsageError(
                "nothing was asked for: give an age such as 70, a zone such as forehead=+25, or a map"
            )
        times = {0.0} | {time for keys in self._all_keys() for time, _ in keys.points}
        for time in sorted(times):
            for person in (0, *self.people):
                request = self.at(person, time)
                if request is not None:
                    request.check(age_range, patterns)

    def at(self, person: int, seconds: float) -> Request | None:
        """The request for a person, by number, at a time in seconds; None if there is none."""
        keys = self.people.get(person, self.age)
        if keys is None and not self.zones and self.base.aging_map is None:
            return None
        zones = tuple((name, one.at(seconds)) for name, one in self.zones)
        return replace(self.base, age=None if keys is None else keys.at(seconds), zones=zones)

    def _all_keys(self) -> list[Keys]:
        first = [] if self.age is None else [self.age]
        return [*first, *(keys for _, keys in self.zones), *self.people.values()]


def base_request(
    faces: str | int = "all",
    strength: float = 1.0,
    map_file: Path | str | None = None,
    population: Path | str | None = None,
    min_face_px: float | None = None,
    *,
    include_children: bool = False,
    pattern: int | None = None,
    lines: float = 1.0,
) -> Request:
    """Parse the constant part of a request; raises UsageError."""
    from ..ages.atlas import read_atlas, reference_atlas
    from ..ages.map_file import read_map_file

    return Request(
        faces=parse_faces(faces),
        strength=strength,
        aging_map=None if map_file is None else read_map_file(map_file),
        population=None if population is None else read_atlas(population),
        reference=None if population is None else reference_atlas(),
        min_face_px=min_face_px,
        include_children=include_children,
        pattern=pattern,
        lines=lines,
    )


def _eased(share: float, easing: str) -> float:
    """Eased progress of a change at a share of its duration, both 0..1."""
    if easing == "smooth":
        return eased(share)
    if easing == "in":
        return share * share
    if easing == "out":
        return share * (2.0 - share)
    return share
