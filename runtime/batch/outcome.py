"""The outcome of one photo of a batch, in a serialisable form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..ages.atlas_transfer import AtlasTransfer
from ..errors import AmganError
from ..storage.location import Location

if TYPE_CHECKING:
    from ..ages.maps import FaceAges
    from ..ages.request import Request
    from ..face.finder import Face, Found
    from ..pipeline.face_filter import LeftFace
    from ..pipeline.results import AgedFace

Status = Literal["aged", "unchanged", "copied", "skipped", "failed"]
WRITTEN: frozenset[Status] = frozenset({"aged", "unchanged", "copied"})
"""Outcomes of photos whose result is in the output folder."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of the photo ``source``; ``target`` is its result, None if none was written.

    aged: written by this run. unchanged: done by an earlier run with the same settings. copied: no face was
    aged, the photo was copied. skipped and failed: ``reason`` says why. ``faces`` is the number of aged
    faces; ``seconds`` the time from decoding to the end, waiting included. ``details`` are for the report:
    ``sha256`` of the photo, ``faces``, how it was ``searched`` for them, ``seconds`` of each stage.
    """

    source: Location
    status: Status
    reason: str = ""
    faces: int = 0
    seconds: float = 0.0
    target: Location | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def worded(self, wording: Callable[[str], str]) -> Outcome:
        """The outcome with ``wording`` applied to its reason and those of its faces."""
        faces = [
            face | {"reason": wording(face["reason"])} if "reason" in face else face
            for face in self.details.get("faces", ())
        ]
        details = {**self.details, "faces": faces} if faces else self.details
        return replace(self, reason=wording(self.reason), details=details)


def rounded(outcome: Outcome) -> Outcome:
    """The outcome with stage times rounded to 0.1 ms, as they are recorded."""
    stages = outcome.details.get("seconds")
    if not stages:
        return outcome
    short = {name: round(value, 4) for name, value in stages.items()}
    return replace(outcome, details={**outcome.details, "seconds": short})


def describe_aged(faces: tuple[AgedFace, ...], request: Request) -> list[dict[str, Any]]:
    """Aged faces as JSON values; ages are in years, of the request's population if it has one."""
    transfer = AtlasTransfer(request.population, request.reference)
    return [
        {
            "outcome": "aged",
            "box": _box(one.face),
            "age": round(transfer.face_now(one.now), 1),
            "wanted": round(transfer.face_now(one.wanted), 1),
            "zones": _changed_zones(one.now, one.wanted),
        }
        | ({"covered": dict(one.covered)} if one.covered else {})
        for one in faces
    ]


def describe_left(faces: tuple[LeftFace, ...]) -> list[dict[str, Any]]:
    """Faces that were not aged, as JSON values."""
    return [
        {"outcome": "left alone", "box": _box(one.face), "reason": one.reason}
        | ({} if one.age is None else {"age": round(one.age, 1)})
        for one in faces
    ]


def describe_search(found: Found | None) -> dict[str, Any]:
    """The search for faces, as JSON values: the minimum size in px and the quarter turns."""
    if found is None:
        return {}
    return {"smallest_face_px": round(found.min_face_px, 1), "quarter_turns": found.quarter_turns}


def explain(error: BaseException, *paths: Path | Location) -> str:
    """The text of an error without a leading path of ``paths``, which the listing already shows."""
    if isinstance(error, AmganError):
        text = str(error)
        for path in paths:
            for prefix in (f"{path}: ", f"'{path}': ", f"'{path}' ", f"{path} "):
                text = text.removeprefix(prefix)
        return text
    if isinstance(error, MemoryError):
        return "there is not enough memory for it: use `memory_bytes`, or fewer `threads`"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: '{error.filename or paths[0]}'"
    return f"unexpected {type(error).__name__}: {error}"


def _box(face: Face) -> list[float]:
    return [round(value, 1) for value in face.box]


def _changed_zones(now: FaceAges, wanted: FaceAges) -> dict[str, list[float]]:
    """Present and wanted ages, in years of the map, of each part with a requested change."""
    return {
        name: [round(years, 1), round(wanted.parts[name], 1)]
        for name, years in now.parts.items()
        if abs(wanted.parts[name] - years) >= 0.05
    }
