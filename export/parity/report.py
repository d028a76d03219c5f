"""The report of a parity check: differences, tolerances and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed difference from PyTorch fp32, for each input separately, and the reason for it."""

    max_codes: int
    min_psnr_db: float
    min_ssim: float
    max_years: float
    reason: str


TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(
        1, 60.0, 0.9999, 0.01,
        "the same function, summed in another order: only values on the edge between two codes may tip over",
    ),
    "fp16": Tolerance(
        3, 50.0, 0.999, 0.125,
        "11 bits of mantissa: what rounding leaves after some thirty layers, below what an eye can see; in "
        "years an eighth of what bf16 may be off, the shipped estimator is 0.06 off on black and white noise",
    ),
    "bf16": Tolerance(
        24, 40.0, 0.98, 1.0,
        "8 bits of mantissa, eight times the rounding of fp16, hence eight times its code values; the PSNR "
        "falls less, as most errors cancel (42 dB at worst on random networks of full size); ages are told "
        "in whole years, and the shipped estimator is 0.6 off on hard stripes",
    ),
    "fp8": Tolerance(
        4, 50.0, 0.999, 0.125,
        "3 bits of mantissa in the trunk's convolutions, whose errors average out over 864 products: the "
        "shipped weights are at most 3 code values off on faces, at 60 dB; the rest is fp16, and the "
        "estimator has no such file",
    ),
}  # fmt: skip
"""Tolerance by precision."""


@dataclass(frozen=True)
class CodeDifference:
    """Difference of aged pictures over all inputs; ``worst`` names the input with the largest difference.

    PSNR (dB) and SSIM are the lowest over all inputs.
    """

    max_codes: int
    mean_codes: float
    psnr_db: float
    ssim: float
    worst: str

    def faults(self, tolerance: Tolerance) -> tuple[str, ...]:
        """The tolerances exceeded, half a sentence each."""
        found = []
        if self.max_codes > tolerance.max_codes:
            found.append(
                f"{self.max_codes} code values on '{self.worst}' (at most {tolerance.max_codes} allowed)"
            )
        if not self.psnr_db >= tolerance.min_psnr_db:
            found.append(f"a PSNR of {self.psnr_db:.1f} dB (at least {tolerance.min_psnr_db:g} dB needed)")
        if not self.ssim >= tolerance.min_ssim:
            found.append(f"an SSIM of {self.ssim:.5f} (at least {tolerance.min_ssim:g} needed)")
        return tuple(found)


@dataclass(frozen=True)
class YearDifference:
    """Difference of estimated ages in years over all inputs.

    ``nan_count`` counts NaN ages; ``max_years`` and ``mean_years`` leave them out.
    """

    max_years: float
    mean_years: float
    nan_count: int
    worst: str

    def faults(self, tolerance: Tolerance) -> tuple[str, ...]:
        """The tolerances exceeded, half a sentence each."""
        found = []
        if self.nan_count:
            found.append(f"{self.nan_count} ages that are not numbers on '{self.worst}'")
        if not self.max_years <= tolerance.max_years:
            found.append(
                f"{self.max_years:.3g} years on '{self.worst}' (at most {tolerance.max_years:g} allowed)"
            )
        return tuple(found)


@dataclass(frozen=True)
class Result:
    """One contender against the reference.

    ``file``: the bundle's file that it ran (empty: PyTorch, for the effect of the arithmetic alone).
    ``precision``: names its tolerance. ``arithmetic``: the precision that was computed in. ``difference``:
    the result; None where ``not_run`` or ``faults`` says why there is none.
    """

    contender: str
    role: str
    precision: str
    file: str
    arithmetic: str
    difference: CodeDifference | YearDifference | None = None
    not_run: str = ""
    faults: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Passed, failed or not run."""
        return "not run" if self.not_run else "failed" if self.faults else "passed"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; fields that do not apply are left out."""
        return {key: value for key, value in asdict(self).items() if value} | {"verdict": self.verdict}


@dataclass(frozen=True)
class ParityReport:
    """All contenders against PyTorch fp32; ``cases`` names the inputs of each role."""

    seed: int
    cases: Mapping[str, tuple[str, ...]]
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether no contender broke its tolerance; contenders that did not run count neither way."""
        return not any(result.faults for result in self.results)

    @property
    def first_fault(self) -> str:
        """The first exceeded tolerance as half a sentence; empty when all passed."""
        return next((f"{r.contender}, {r.role}: {r.faults[0]}" for r in self.results if r.faults), "")

    def to_dict(self) -> dict[str, Any]:
        """For JSON and the manifest."""
        used = sorted({result.precision for result in self.results})
        return {
            "passed": self.passed,
            "reference": "PyTorch fp32",
            "seed": self.seed,
            "inputs": {role: list(names) for role, names in self.cases.items()},
            "tolerances": {name: asdict(TOLERANCES[name]) for name in used},
            "results": [result.to_dict() for result in self.results],
        }
