"""Selects the faces of a photo that are aged, with reasons for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ages.atlas_transfer import face_age
from ..errors import AmganError
from ..face.choice import pick, why_not
from ..face.detector import MIN_FACE_PX
from ..face.mesh import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from .child_rule import why_a_child
from .likeness import why_drawn

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..face.finder import Face, Found
    from ..face.found import Doubt
    from .seen_face import SeenFace

MAX_TURN = 1.2
"""The limit of Face.turn: half profiles, at about 1, are aged; profiles, from 1.4 on, are not."""

NODS = (0.2, 1.0)
"""The range of `nod`. All but two of 253 portraits are in 0.4..0.8; a head far back is below 0.1."""


@dataclass(frozen=True, eq=False)
class LeftFace:
    """A face that is not aged, the reason, and its apparent age in years if it was estimated."""

    face: Face
    reason: str
    age: float | None = None


class NoFaceError(AmganError):
    """A photo has no face that can be aged; ``left`` are the faces that were rejected.

    ``found`` is the result of the search, if known.
    """

    def __init__(self, sentence: str, left: tuple[LeftFace, ...] = (), found: Found | None = None) -> None:
        super().__init__(sentence)
        self.left, self.found = left, found


@dataclass(frozen=True, eq=False)
class Chosen:
    """The faces of a photo that are aged, and those that are not, each largest first.

    ``found`` is the result of the search, if known.
    """

    taken: tuple[SeenFace, ...]
    left: tuple[LeftFace, ...] = ()
    found: Found | None = None


def choose_faces(found: Sequence[Face], request: Request, read: Callable[[Face], SeenFace]) -> Chosen:
    """Choose among the faces of a photo, given largest first; ``read`` estimates the ages of one.

    The request's selection is applied first; turned, tiny and young faces are rejected afterwards. So
    "largest" never selects the second largest.
    """
    meant = pick(found, request.faces)
    taken: list[SeenFace] = []
    left: list[LeftFace] = []
    for face in meant:
        reason = _out_of_reach(face, request.min_face_px)
        if reason:
            left.append(LeftFace(face, reason))
            continue
        seen = read(face)
        reason = "" if request.include_children else _why_no_adult(seen)
        if reason:
            left.append(LeftFace(face, reason, face_age(seen.now)))
        else:
            taken.append(seen)
    others = (face for face in found if all(face is not one for one in meant))
    left += [LeftFace(face, why_not(request.faces)) for face in others]
    return Chosen(tuple(taken), tuple(left))


def _why_no_adult(seen: SeenFace) -> str:
    """Why a face may be none in a photo, or that of a child, or ""."""
    likeness = seen.likeness
    return why_drawn(likeness) or why_a_child(seen.now, likeness)


def why_none(left: Sequence[LeftFace], found: Found | None = None) -> str:
    """One sentence that says why no face of a photo is aged."""
    if not left:
        return why_not_found(found)
    if len(left) == 1:
        return f"its only face is left alone: {left[0].reason}"
    reasons = dict.fromkeys(one.reason for one in left)
    return f"all {len(left)} faces are left alone: {'; '.join(reasons)}"


def why_not_found(found: Found | None) -> str:
    """One sentence for a photo in which no face was found, with the findings of the search."""
    if found is None:
        return "no face was found: try a photo with a larger, more frontal face"
    if found.doubt is None:
        return (
            f"no face was found of {found.min_face_px:.0f} px or more, whichever side is up, nor anything "
            "that looks like one: try a photo with a larger, more frontal, uncovered face"
        )
    doubt, at = found.doubt, found.doubt.at
    place = f"at {at.centre[0]:.0f}, {at.centre[1]:.0f}, {at.width_px:.0f} px wide,"
    if doubt.too_small:
        return (
            f"no face was found of {found.min_face_px:.0f} px or more: the largest, {place} is too small "
            f"(`min_face_px` {at.width_px:.0f} takes it)"
        )
    return f"no face was found: what may be one {place} {_why_in_doubt(doubt)}"


def _why_in_doubt(doubt: Doubt) -> str:
    """What is wrong at the most likely position; the most certain finding."""
    if doubt.tiny:
        return "is too small to show one: try a larger picture of it"
    if doubt.drawn:
        return "has large areas of exactly one colour, as drawings and pixelated faces have: try a photo"
    if doubt.borders:
        borders = " and ".join(doubt.borders)
        return f"is cut off by the {borders} border of the photo: try one that shows it whole"
    if doubt.turned:
        return "is turned too far aside: try a more frontal face"
    if doubt.covered:
        return "shows little bare skin: it may be covered, or no face; try an uncovered one"
    return "shows no eyes, nose and mouth that can be placed: try a more frontal, sharper face"


def _out_of_reach(face: Face, min_face_px: float | None) -> str:
    """Why a face cannot be aged well, or ""."""
    if min_face_px is None:
        if face.width_px < MIN_FACE_PX:
            return f"{int(face.width_px)} px wide, too small to show its age (`min_face_px` 0 ages it)"
    elif face.width_px < min_face_px:
        return f"{int(face.width_px)} px wide, under the {min_face_px:g} px asked for"
    if abs(face.turn) > MAX_TURN:
        return "turned too far aside"
    if not NODS[0] <= nod(face) <= NODS[1]:
        return "tilted too far up or down"
    return ""


def nod(face: Face) -> float:
    """The relative position of the nose tip between eyes and mouth; lower if the head leans back."""
    points = face.landmarks
    eyes = (points[list(RIGHT_EYE)].mean(0) + points[list(LEFT_EYE)].mean(0)) / 2
    way = points[list(MOUTH_CORNERS)].mean(0) - eyes
    return float((points[NOSE_TIP] - eyes) @ way / max(float(way @ way), 1e-9))
