"""Time codes and chapters of a part of a video."""

from __future__ import annotations

from fractions import Fraction

import pytest

from amgan.runtime.video.timecode import chapters_within, later_timecode

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("code", "pictures", "rate", "later"),
    [
        ("01:00:00:00", 250, Fraction(25), "01:00:10:00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:01:59.29", 1, NTSC, "00:02:00.02"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("10:00:00:00", 30, Fraction(24000, 1001), "10:00:01:06"),
        ("no code", 5, Fraction(25), "no code"),
    ],
)
def test_later(code: str, pictures: int, rate: Fraction, later: str) -> None:
    assert later_timecode(code, pictures, rate) == later


def test_every_number_of_a_day_comes_once() -> None:
    step = 7919  # a prime: all kinds of minutes are met
    code, met = "00:00:00;00", set()
    for _ in range(2000):
        code = later_timecode(code, step, NTSC)
        assert not (code[6:8] == "00" and code[9:] < "02" and code[4] != "0")
        met.add(code)
    assert len(met) == 2000
    assert later_timecode(code, 24 * 6 * 17982, NTSC) == code


def test_chapters() -> None:
    base = Fraction(1, 1000)
    chapters = [
        {"id": n, "start": 1000 * n, "end": 1000 * (n + 1), "time_base": base, "metadata": {"title": str(n)}}
        for n in range(4)
    ]
    assert chapters_within(chapters, None, None) == chapters
    found = chapters_within(chapters, Fraction(3, 2), Fraction(3))
    assert [(one["id"], one["start"], one["end"]) for one in found] == [(1, 0, 500), (2, 500, 1500)]
    assert found[0]["metadata"] == {"title": "1"}
    assert chapters_within(chapters, Fraction(9), None) == []
