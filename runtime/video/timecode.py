"""Time codes and chapters of a part of a video."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

_CODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")
_DAY_MINUTES = 24 * 60


def later_timecode(code: str, pictures: int, rate: Fraction) -> str:
    """The time code (SMPTE ST 12-1) a number of pictures after ``code``, at ``rate`` pictures per second.

    It wraps after a day. A code with ";" or "." before the pictures is drop-frame: two numbers (four at 60
    per second) are skipped in every minute except each tenth. Text that is no time code is returned
    unchanged.
    """
    found = _CODE.fullmatch(code)
    base = round(rate)
    if found is None or base < 1:
        return code
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
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
    """PyAV's chapters between two times in seconds (None: beginning, end), relative to the first time."""
    kept = []
    for chapter in chapters:
        base = chapter["time_base"]
        low = 0 if start is None else round(start / base)
        high = chapter["end"] if end is None else min(chapter["end"], round(end / base))
        if max(chapter["start"], low) < high:
            kept.append({**chapter, "start": max(chapter["start"], low) - low, "end": high - low})
    return kept
