"""What the user asks for: ages in years, absolute or relative, for the whole face and for single zones."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import UsageError
from .zones import parts_of

if TYPE_CHECKING:
    from .maps import FaceAges

MAX_STRENGTH = 2.0
_AGE = re.compile(r"[+-]?\d{1,3}(\.\d+)?")


@dataclass(frozen=True)
class AgeSpec:
    """An age in years: absolute (``70``), or relative to what is there now (``+20``, ``-10``)."""

    years: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> AgeSpec:
        """Read "70" (absolute), "+20" or "-10" (relative); raises UsageError for anything else."""
        plain = text.strip().replace("\N{MINUS SIGN}", "-")
        if not _AGE.fullmatch(plain):
            raise UsageError(f"{text!r} is not an age: write years such as 70, or a change such as +20")
        return cls(float(plain), plain[0] in "+-")

    def apply(self, now: float) -> float:
        """The age asked for, in years, where the skin looks ``now`` years old."""
        return now + self.years if self.relative else self.years

    def __str__(self) -> str:
        return f"{self.years:+g}" if self.relative else f"{self.years:g}"


@dataclass(frozen=True)
class Request:
    """One wish for a photo.

    ``age`` is for the whole face (None leaves it as it is); ``zones`` are (zone or part name, age) pairs
    that override their parts, the last one winning; ``faces`` picks all faces or the largest one;
    ``strength`` (0 to 2) scales the change: 1 is what the network says.
    """

    age: AgeSpec | None = None
    zones: tuple[tuple[str, AgeSpec], ...] = ()
    faces: Literal["all", "largest"] = "all"
    strength: float = 1.0

    @classmethod
    def parse(
        cls, age: str | None, zones: Iterable[str] = (), faces: str = "all", strength: float = 1.0
    ) -> Request:
        """Make a request from what a user types, such as ("+20", ["forehead=+25"]); raises UsageError."""
        request = cls(
            None if age is None else AgeSpec.parse(age),
            tuple(_parse_zone(z) for z in zones),
            faces,  # type: ignore[arg-type]  # check() refuses other words
            strength,
        )
        request.check()
        return request

    def check(self, age_range: tuple[float, float] | None = None) -> None:
        """Raise UsageError when the request makes no sense or asks for ages outside ``age_range``, years."""
        if self.age is None and not self.zones:
            raise UsageError("nothing was asked for: give an age such as 70, or a zone such as forehead=+25")
        if self.faces not in ("all", "largest"):
            raise UsageError(f"{self.faces!r} is not a choice of faces: write 'all' or 'largest'")
        if not 0.0 <= self.strength <= MAX_STRENGTH:  # also refuses NaN
            raise UsageError(
                f"strength {self.strength:g} is not within 0 to {MAX_STRENGTH:g}: 1 is the full change"
            )
        for name, _ in self.zones:
            parts_of(name)
        for spec in (self.age, *(spec for _, spec in self.zones)):
            if spec is not None:
                _check_years(spec, age_range)


def wanted_ages(request: Request, now: FaceAges, age_range: tuple[float, float] | None = None) -> FaceAges:
    """The ages asked for, in years, of a face that looks ``now`` old.

    An absolute age goes to the base and every part as it is, a relative one is added to what each looks
    like now; zones override their parts. With ``age_range`` (youngest, oldest) results are clamped to it.
    """
    whole = request.age or AgeSpec(0.0, relative=True)
    parts = {name: whole.apply(years) for name, years in now.parts.items()}
    for zone, spec in request.zones:
        for part in parts_of(zone):
            parts[part] = spec.apply(now.parts[part])
    low, high = age_range or (-math.inf, math.inf)
    return dataclasses.replace(
        now,
        base=min(max(whole.apply(now.base), low), high),
        parts={name: min(max(years, low), high) for name, years in parts.items()},
    )


def _parse_zone(text: str) -> tuple[str, AgeSpec]:
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
        raise UsageError(f"an age of {spec} is more than the model can do: ask for {low:g} to {high:g} years")
