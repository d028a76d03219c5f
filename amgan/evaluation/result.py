"""The measures of one face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .belief import FaceBelief
from .looks import Look
from .pixels import SweepSteps

Tone = tuple[float, float, float]


@dataclass(frozen=True)
class ZoneResult:
    """Measures of a change of one zone.

    ``inside``: share of the change inside the zone. ``inside_right_alone``: the same for its right side alone
    (NaN where it has no sides). ``untouched_detail``: correlation of fine detail on the rest of the face.
    """

    inside: float
    inside_right_alone: float
    untouched_detail: float


@dataclass(frozen=True)
class CycleResult:
    """PSNR in dB over the face after ageing by CYCLE_YEARS and back.

    Back by the same number of years, or to the present age; the older face is detected and read again.
    """

    same_years_db: float
    present_age_db: float


@dataclass(frozen=True, eq=False)
class FaceResult:
    """All measures of one face. Keys of mappings are names of requests (requests.py).

    ``readings``: years by judge and request.
    ``noise``: readings in years by judge of the unchanged face under small shifts.
    ``distances``: descriptor distances to the unchanged picture; ``mirrored``: that of the mirror image.
    ``outside``: number of changed pixels off the face.
    ``thumbnails``: small pictures uint8 [T, T, 3].
    ``known_years``: the person's age from a table (else NaN); ``true``: whether it is the true age.
    ``real``: whether the face is a real person's, which is shown in the output folder only.
    ``belief``: measures of plausibility; ``looks``: larger pictures for inspection.
    """

    name: str
    kind: str
    frame_px: int
    angle: float
    readings: Mapping[str, Mapping[str, float]]
    noise: Mapping[str, tuple[float, ...]]
    descriptor: NDArray[np.float64]
    distances: Mapping[str, float]
    mirrored: float
    outside: Mapping[str, int]
    detail: Mapping[str, float]
    tone: Mapping[str, Tone]
    present_max_codes: int
    cycle: CycleResult
    thumbnails: Mapping[str, NDArray[np.uint8]]
    sweep: SweepSteps | None = None
    zones: Mapping[str, ZoneResult] = field(default_factory=dict)
    known_years: float = float("nan")
    true: bool = False
    real: bool = False
    belief: Mapping[str, FaceBelief] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)

    def years_now(self, judge: str) -> float:
        """The present age in years: the known one, else the judge's reading."""
        return self.known_years if np.isfinite(self.known_years) else self.readings[judge]["now"]
