"""Requests: ages in years, absolute or relative, for the whole face and for single zones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..face.choice import parse_faces
from ..face.zones import parts_of

if TYPE_CHECKING:
    from .atlas import Atlas
    from .map_file import WantedMap
    from .maps import FaceAges

MAX_STRENGTH = 1.0
MAX_LINES = 1.5
_AGE = re.compile(r"[+-]?\d{1,3}(\.\d+)?")


@dataclass(frozen=True)
class AgeSpec:
    """An age in years: absolute (``70``) or relative to the present age (``+20``, ``-10``)."""

    years: float
    relative: bool

    @classmethod
    def parse(cls, text: str | float) -> AgeSpec:
        """Read "70" or 70 (absolute), "+20" or "-10" (relative); raises UsageError for anything else."""
        if isinstance(text, Real) and not isinstance(text, bool):
            return cls(float(text), False)
        if not isinstance(text, str):
            raise UsageError(f"{text!r} is not an age: write years such as 70, or a change such as '+20'")
        plain = text.strip().replace("\N{MINUS SIGN}", "-")
        if not _AGE.fullmatch(plain):
            raise UsageError(f"{text!r} is not an age: write years such as 70, or a change such as +20")
        return cls(float(plain), plain[0] in "+-")

    def apply(self, now: float) -> float:
        """The wanted age in years of skin that looks ``now`` years old."""
        return now + self.years if self.relative else self.years

    def __str__(self) -> str:
        return f"{self.years:+g}" if self.relative else f"{self.years:g}"


@dataclass(frozen=True)
class Request:
    """The requested change of a photo.

    ``age`` is for the whole face (None: no change); ``zones`` are (zone or part name, age) pairs that
    override their parts, where the last one wins; ``faces`` selects faces (see face/choice.py). Faces
    narrower than ``min_face_px`` px are not searched for and not changed (None: those that are small relative
    to the photo or its largest face, see face/scan.py); faces that look like children, or drawn, are not
    changed unless ``include_children``. ``strength`` (0 to 1) scales the change; 1 is the network's full
    change.
    ``aging_map`` has the wanted age of every cell of a face, instead of age and zones. ``population`` is the
    atlas to which the years of ``age`` and ``zones`` refer, and ``reference`` the atlas of the aging map's
    years; without them years are used unchanged. ``pattern`` is the number, from 1, of the pattern of lines
    and folds for all faces; None gives each face the mixture for its proportions. ``lines`` (0 to MAX_LINES)
    scales new lines: 1 is the strength that suits each skin, 0 leaves them out. ``hair`` greys the hair of
    faces that get older as a whole and gives grey hair of younger ones its colour back, ``neck`` ages the
    necks of older ones; ``shape`` and ``features`` change the shape, and eyes, lips and teeth of faces whose
    age changes as a whole. All four change pixels beside the face's
    skin.

    The command line, the server and the record of a batch derive their fields from this class.
    """

    age: AgeSpec | None = None
    zones: tuple[tuple[str, AgeSpec], ...] = ()
    faces: str | int = "all"
    strength: float = 1.0
    aging_map: WantedMap | None = None
    population: Atlas | None = None
    reference: Atlas | None = None
    min_face_px: float | None = None
    include_children: bool = False
    pattern: int | None = None
    lines: float = 1.0
    hair: bool = True
    shape: bool = True
    features: bool = True
    neck: bool = True

    @classmethod
    def parse(
        cls,
        age: str | float | None = None,
        zones: Iterable[str] | Mapping[str, str | float] = (),
        faces: str | int = "all",
        *,
        map_file: Path | str | None = None,
        population: Path | str | None = None,
        **others: Any,
    ) -> Request:
        """Make a request from user input, such as (70) or ("+20", ["forehead=+25"]).

        ``zones`` may also be a mapping such as {"forehead": "+25"}, or one text.
        ``map_file`` is the path of a map (see map_file.py), ``population`` the name of a shipped atlas or a
        path; ``others`` are further fields, such as strength=0.5. Raises UsageError.
        """
        from .atlas import read_atlas, reference_atlas
        from .map_file import read_map_file

        if isinstance(zones, str):
            zones = [zones]
        elif isinstance(zones, Mapping):
            zones = [f"{name}={years}" for name, years in zones.items()]
        request = cls(
            None if age is None else AgeSpec.parse(age),
            tuple(_parse_zone(z) for z in zones),
            parse_faces(faces),
            aging_map=None if map_file is None else read_map_file(map_file),
            population=None if population is None else read_atlas(population),
            reference=None if population is None else reference_atlas(),
            **others,
        )
        request.check()
        return request

    def check(self, age_range: tuple[float, float] | None = None, patterns: int | None = None) -> None:
        """Raise UsageError if the request is invalid or not supported by a model.

        ``age_range`` are the model's youngest and oldest age in years, ``patterns`` its number of patterns.
        """
        if not isinstance(self.age, AgeSpec | None):
            raise UsageError(f"{self.age!r} is no AgeSpec: write Request.parse(age={self.age!r}) instead")
        self._check_kinds()
        if self.age is None and not self.zones and self.aging_map is None:
            raise UsageError(
                "nothing was asked for: give an age such as 70, a zone such as forehead=+25, or a map"
            )
        if self.aging_map is not None and (self.age or self.zones or self.population):
            raise UsageError(
                "a map says the age of every place itself: leave age, zones and population out, or the map"
            )
        parse_faces(self.faces)
        if self.min_face_px is not None and not 0.0 <= self.min_face_px < math.inf:
            raise UsageError(f"faces of {self.min_face_px:g} px make no sense: give 0 px or more")
        if self.pattern is not None and not 1 <= self.pattern <= (patterns or self.pattern):
            which = f"1 to {patterns}" if patterns else "1 or more"
            raise UsageError(f"there is no pattern {self.pattern}: choose {which}, or leave it out")
        if not 0.0 <= self.strength <= MAX_STRENGTH:  # also for NaN
            raise UsageError(
                f"strength {self.strength:g} is not within 0 to {MAX_STRENGTH:g}: 1 is the full change"
            )
        if not 0.0 <= self.lines <= MAX_LINES:
            raise UsageError(
                f"lines of {self.lines:g} are not within 0 to {MAX_LINES:g}: 1 is what suits each skin"
            )
        if self.aging_map is not None and age_range is not None:
            self.aging_map.check_range(age_range)
        for name, _ in self.zones:
            parts_of(name)
        for spec in (self.age, *(spec for _, spec in self.zones)):
            if spec is not None:
                _check_years(spec, age_range)

    def _check_kinds(self) -> None:
        """Raise UsageError for values of a wrong type."""
        for zone in self.zones:
            if not (isinstance(zone, tuple) and len(zone) == 2 and isinstance(zone[1], AgeSpec)):
                raise UsageError(
                    f"{zone!r} is no zone with an AgeSpec: write Request.parse(zones=['chin=+25']) instead"
                )
        for name, kind, wanted in _KINDS:
            value = getattr(self, name)
            odd = isinstance(value, bool) != (kind is bool) or not isinstance(value, kind)
            if odd and not (value is None and name in _MAY_BE_NONE):
                raise UsageError(f"`{name}` is {value!r}: give {wanted}")


_KINDS: tuple[tuple[str, type, str], ...] = (
    ("strength", Real, "a number from 0 to 1, such as 0.5"),
    ("lines", Real, f"a number from 0 to {MAX_LINES:g}, such as 0.5"),
    ("min_face_px", Real, "a number of pixels, such as 40"),
    ("pattern", Integral, "the number of a pattern, such as 2"),
    ("include_children", bool, "True or False"),
    ("hair", bool, "True or False"),
    ("shape", bool, "True or False"),
    ("features", bool, "True or False"),
    ("neck", bool, "True or False"),
)
_MAY_BE_NONE = {"min_face_px", "pattern"}


def as_request(value: object) -> Request:
    """Return a Request unchanged; raises UsageError for any other type."""
    if not isinstance(value, Request):
        raise UsageError(f"{value!r} is no Request: write Request.parse(age=70), for example")
    return value


def wanted_ages(request: Request, now: FaceAges, age_range: tuple[float, float] | None = None) -> FaceAges:
    """The wanted ages by age and zones, in years of the map, of a face that looks ``now`` old.

    An age of the whole face moves every part and the base along the population's curves, each with its own
    offset (see atlas_transfer.py). Zones override their parts: an absolute age is that age, a relative one is
    added to the part's present age. Changed ages are clamped to ``age_range``, youngest and oldest.
    """
    from .atlas_transfer import ZONE_OF_PART, AtlasTransfer
    from .maps import FaceAges

    transfer = AtlasTransfer(request.population, request.reference)
    low, high = age_range or (-math.inf, math.inf)

    def clamped(years: float, before: float) -> float:
        return before if years == before else min(max(years, low), high)

    base, parts = now.base, dict(now.parts)
    if request.age is not None:
        face = transfer.face_now(now)
        target = request.age.apply(face)
        base = clamped(transfer.moved_base(now.base, face, target), now.base)
        for name, years in now.parts.items():
            parts[name] = clamped(transfer.moved(ZONE_OF_PART[name], years, face, target), years)
    for zone, spec in request.zones:
        for part in parts_of(zone):
            years = now.parts[part]
            asked = spec.apply(transfer.from_map(ZONE_OF_PART[part], years))
            unchanged = spec.relative and spec.years == 0
            parts[part] = years if unchanged else clamped(transfer.to_map(ZONE_OF_PART[part], asked), years)
    return FaceAges(base, parts)


def _parse_zone(text: str) -> tuple[str, AgeSpec]:
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is not a zone with an age: write it such as 'forehead=+25'")
    name, equals, age = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{text!r} is not a zone with an age: write it such as forehead=+25")
    parts_of(name.strip())
    return name.strip(), AgeSpec.parse(age)


def _check_years(spec: AgeSpec, age_range: tuple[float, float] | None) -> None:
    if not math.isfinite(spec.years):
        raise UsageError(f"an age of {spec.years} years makes no sense: give a number")
    if age_range is not None and not spec.relative and not age_range[0] <= spec.years <= age_range[1]:
        low, high = age_range
        side = "younger" if spec.years < low else "older"
        raise UsageError(
            f"an age of {spec} is {side} than the model can make a face: ask for {low:g} to {high:g} years"
        )
