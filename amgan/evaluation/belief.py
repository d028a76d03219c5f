"""Whether changes are believed, as far as pixels tell: all measures of it over some faces.

Judges' years reward dark folds; these measures are what they must be read with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .bands import BAND_NAMES, band_rms
from .change import FaceChange
from .darkness import broad_darkness, broad_lightness
from .rows import Rows, RowSummary, forehead_rows, summarise_rows
from .sameness import SmallChange, change_correlation, small_change
from .statistics import rounded, summarise

PUBLISHED = (
    {"who": "HRFAE", "darkness_codes": -12.9, "correlation": 0.31},
    {"who": "AMGAN authors", "darkness_codes": -15.9, "correlation": 0.47},
)
"""The same measures of pictures that others published."""


@dataclass(frozen=True)
class FaceBelief:
    """The measures of one changed face (see the modules that they come from), and what compares it."""

    name: str
    darkness_codes: float
    lightness_codes: float
    bands: Mapping[str, float]
    rows: Rows
    change: SmallChange


@dataclass(frozen=True)
class Belief:
    """The measures of some changed faces; ``correlation`` is between different faces, NaN for one alone."""

    faces: tuple[FaceBelief, ...]
    correlation: float
    rows: RowSummary


def face_belief(face: FaceChange) -> FaceBelief:
    """Everything that is measured of one changed face by itself."""
    return FaceBelief(
        face.name,
        broad_darkness(face),
        broad_lightness(face),
        band_rms(face),
        forehead_rows(face),
        small_change(face),
    )


def measure_belief(faces: Sequence[FaceChange]) -> Belief:
    """All measures of belief over changed faces, in the order given.

    An example, with arrays uint8 [H, W, 3] and landmarks [468, 2] in px::

        found = measure_belief([FaceChange("a", before, after, landmarks, network_scale)])
        found.faces[0].darkness_codes, found.correlation, found.rows.size_slope
    """
    return over_faces([face_belief(face) for face in faces])


def over_faces(each: Sequence[FaceBelief]) -> Belief:
    """The same from what was measured of every face."""
    correlation = change_correlation([one.change for one in each])
    return Belief(tuple(each), correlation, summarise_rows([one.rows for one in each]))


def belief_numbers(found: Belief) -> dict[str, Any]:
    """The numbers of a result file, with their spread over faces."""
    rows = {name: _plain(value) for name, value in asdict(found.rows).items()}
    return {
        "faces": len(found.faces),
        "darkness_codes": summarise([one.darkness_codes for one in found.faces]),
        "lightness_codes": summarise([one.lightness_codes for one in found.faces]),
        "correlation": rounded(found.correlation),
        "band_rms_codes": {n: summarise([one.bands[n] for one in found.faces]) for n in BAND_NAMES},
        "rows": rows,
    }


def _plain(value: Any) -> Any:
    """A number of a summary for a result file; None where it is none."""
    if isinstance(value, tuple):
        return [rounded(one) for one in value]
    return value if isinstance(value, int) else rounded(value)
