"""Measures of plausibility ("belief" in result files) over some faces, from pixels alone.

Judges read dark folds as age, so their years are to be read together with these measures.
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
"""The same measures of pictures published by others."""


@dataclass(frozen=True)
class FaceBelief:
    """The measures of one changed face (see their modules), and its change for comparison with others."""

    name: str
    darkness_codes: float
    lightness_codes: float
    bands: Mapping[str, float]
    rows: Rows
    change: SmallChange


@dataclass(frozen=True)
class Belief:
    """The measures of several changed faces; ``correlation`` is between different faces, NaN for one."""

    faces: tuple[FaceBelief, ...]
    correlation: float
    rows: RowSummary


def face_belief(face: FaceChange) -> FaceBelief:
    """The measures of one changed face that need no other face."""
    return FaceBelief(
        face.name,
        broad_darkness(face),
        broad_lightness(face),
        band_rms(face),
        forehead_rows(face),
        small_change(face),
    )


def over_faces(each: Sequence[FaceBelief]) -> Belief:
    """All measures of plausibility over the results of `face_belief`, in the order given."""
    correlation = change_correlation([one.change for one in each])
    return Belief(tuple(each), correlation, summarise_rows([one.rows for one in each]))


def belief_numbers(found: Belief) -> dict[str, Any]:
    """The numbers for a result file, with their spread over faces."""
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
    """A number for a result file; None for NaN."""
    if isinstance(value, tuple):
        return [rounded(one) for one in value]
    return value if isinstance(value, int) else rounded(value)
