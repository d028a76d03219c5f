"""What was found of one face."""

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
    """One zone asked for alone.

    Shares of the change inside it, and inside its right side when that alone is asked for (NaN where it has
    no sides); correlation of fine detail on the rest of the face.
    """

    inside: float
    inside_right_alone: float
    untouched_detail: float


@dataclass(frozen=True)
class CycleResult:
    """Older by CYCLE_YEARS and back: PSNR over the face in dB.

    The way back is as many years, or to the present age; the older face is found and read anew.
    """

    same_years_db: float
    present_age_db: float


@dataclass(frozen=True, eq=False)
class FaceResult:
    """All that is measured of one face. Mappings have a request's name as key, as in requests.py.

    ``readings`` are years by judge and request, ``noise`` years by judge read from the unchanged face moved
    by a little, ``distances`` those of the descriptor to the unchanged picture, ``mirrored`` that of its
    mirror image. ``outside`` counts pixels off the face that are not what they were. ``thumbnails`` are small
    pictures uint8 [T, T, 3]. ``known_years`` is the person's age where a table says it (else NaN), ``true``
    whether that is their true age, ``real`` whether the face is a real person's: then it is shown nowhere but
    in the output folder. ``belief`` holds measures by request, and ``looks`` what is shown large.
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
    seam_max_codes: int | None = None
    known_years: float = float("nan")
    true: bool = False
    real: bool = False
    belief: Mapping[str, FaceBelief] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)

    def years_now(self, judge: str) -> float:
        """The age of the face as it is: the known one, else what a judge reads."""
        return self.known_years if np.isfinite(self.known_years) else self.readings[judge]["now"]
