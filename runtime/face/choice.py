"""Selection of faces in a photo: all, the largest, by number, by side, or by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from .finder import Face

NEAR = 0.25
"""A point may lie this share of the face's width outside its box."""
_NUMBERS = re.compile(r"#\d{1,4}(,#\d{1,4})*")
_POINT_OR_BOX = re.compile(r"\d+(\.\d+)?(,\d+(\.\d+)?){1,3}")


def parse_faces(faces: str | int) -> str | int:
    """Validate a selection of faces; raises UsageError if it is not one of these.

    "all"; "largest"; 3 or "3", the three largest; "#2" or "#1,#3", the faces of these numbers, counted from
    the largest; "left" or "right", the outermost face on that side of the picture; "x,y", the face at this
    point; "x0,y0,x1,y1", the faces with their centre in this box, in photo pixels.
    """
    text = str(faces).replace(" ", "")
    if text in ("all", "largest", "left", "right"):
        return text
    if text.isdecimal() and 0 < int(text) < 10_000:
        return int(text)
    if _NUMBERS.fullmatch(text) and all(_numbers(text)):
        return text
    if _POINT_OR_BOX.fullmatch(text) and text.count(",") != 2:
        area = _point_or_box(text)
        if len(area) == 2 or (area[0] < area[2] and area[1] < area[3]):
            return text
    raise UsageError(
        f"{faces!r} is not a choice of faces: write 'all', 'largest', 'left', 'right', a number such as 3 "
        "for the three largest, a point x,y in the face or a box x0,y0,x1,y1 around it"
    )


def pick(found: Sequence[Face], faces: str | int) -> list[Face]:
    """The selected ones of a photo's faces, which are given largest first; the order is kept."""
    choice = parse_faces(faces)
    if choice == "all" or not found:
        return list(found)
    if choice == "largest" or isinstance(choice, int):
        return list(found[: 1 if choice == "largest" else int(choice)])
    if choice in ("left", "right"):
        side = min if choice == "left" else max
        return [side(found, key=lambda face: _middle(face)[0])]
    if choice.startswith("#"):
        wanted = _numbers(choice)
        return [face for number, face in enumerate(found, start=1) if number in wanted]
    return _at(found, _point_or_box(choice))


def why_not(faces: str | int) -> str:
    """The reason given for a face that is not selected."""
    if faces == "largest" or isinstance(faces, int):
        return "smaller than those asked for"
    return f"not the face asked for ({faces})"


def _at(found: Sequence[Face], area: list[float]) -> list[Face]:
    """The faces in a box, or the face at a point: the one with the nearest centre relative to its size."""
    if len(area) == 4:
        x0, y0, x1, y1 = area
        return [face for face in found if x0 <= _middle(face)[0] <= x1 and y0 <= _middle(face)[1] <= y1]
    x, y = area

    def apart(face: Face) -> float:
        middle = _middle(face)
        return float((middle[0] - x) ** 2 + (middle[1] - y) ** 2) / face.width_px**2

    near = []
    for face in found:
        (x0, y0, x1, y1), beyond = face.box, NEAR * face.width_px
        if x0 - beyond <= x <= x1 + beyond and y0 - beyond <= y <= y1 + beyond:
            near.append(face)
    return [min(near, key=apart)] if near else []


def _middle(face: Face) -> tuple[float, float]:
    x0, y0, x1, y1 = face.box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _numbers(text: str) -> set[int]:
    return {int(part[1:]) for part in text.split(",")}


def _point_or_box(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]
