"""Time codes and chapters of a part of a video."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

_CODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")
_DAY_MINUTES = 24 * 60


def later_timecode(code: str, pictures: int, rate: Fraction) -> str:
    """The time code (SMPTE ST 12-1) so many pictures after ``code``, at ``rate`` a second; after a day it
    begins anew.

    A code with ";" or "." before the pictures drops numbers: two (of 60 a second four) in every minute but
    each tenth. What is no time code comes back as it is.
    """
    found = _CODE.fullmatch(code)
    base = round(rate)
    if found is None or base < 1:
        return code
    hours, minutes, seconds, frames = (int(found[place]) for place in (1, 2, 3, 5))
    dropped = 2 * round(base / 30) if found[4] != ":" else 0
    minute = 60 * hours + minutes
    number = (60 * minute + seconds) * base + frames - dropped * (minute - minute // 10)
    day = _DAY_MINUTES * 60 * base - dropped * (_DAY_MINUTES - _DAY_MINUTES // 10)
    number = (number + pictures) % day
    if dropped:
        tens, rest = divmod(number, 600 * base - 9 * dropped)
        number += 9 * dropped * tens + dropped * max((rest - dropped) // (60 * base - dropped), 0)
    whole, frames = divmod(number, base)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{found[4]}{frames:0{len(found[5])}d}"


def chapters_within(
    chapters: Sequence[Mapping[str, Any]], start: Fraction | None, end: Fraction | None
) -> list[dict[str, Any]]:
    """The chapters of PyAV between two times in seconds (None: the beginning, the end), counted from the
    first.
    """
    kept = []
    for chapter in chapters:
        base = chapter["time_base"]
        low = 0 if start is None else round(start / base)
        high = chapter["end"] if end is None else min(chapter["end"], round(end / base))
        if max(chapter["start"], low) < high:
            kept.append({**chapter, "start": max(chapter["start"], low) - low, "end": high - low})
    return kept
