"""Runs the files of a bundle and the networks in PyTorch on the same inputs and compares the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amgan.networks import Discriminator, Generator
from amgan.runtime.ages.maps import MAX_AGE
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.errors import AmganError

from ..cases import Case, estimator_cases, generator_cases
from ..graphs.deploy import DeployEstimator, DeployGenerator
from .contender import Contender, NotRun, Run
from .contenders import contenders
from .difference import code_difference, psnr_db, ssim
from .report import TOLERANCES, CodeDifference, ParityReport, Result, YearDifference

SEED = 0
Progress = Callable[[str], None]
Answered = tuple[Case, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Reference:
    """The networks in PyTorch fp32, with inputs and reference outputs for each role."""

    generator: Generator
    discriminator: Discriminator
    seed: int
    answers: Mapping[str, tuple[Answered, ...]]

    @classmethod
    def of(
        cls,
        generator: Generator,
        discriminator: Discriminator,
        frame_px: int,
        oldest_age: float = MAX_AGE,
        seed: int = SEED,
    ) -> Reference:
        """Run both networks on all inputs; ``frame_px`` is the estimator's, ``oldest_age`` in years."""
        cases = {
            "generator": generator_cases(
                seed, generator.config.halo_px, min(oldest_age, MAX_AGE), generator.config.patterns
            ),
            "estimator": estimator_cases(seed, frame_px),
        }
        networks = {"generator": DeployGenerator(generator), "estimator": DeployEstimator(discriminator)}
        with torch.inference_mode():
            answers = {
                role: tuple(
                    (case, networks[role](*(torch.from_numpy(a) for a in case.arrays)).numpy())
                    for case in cases[role]
                )
                for role in cases
            }
        return cls(generator, discriminator, seed, answers)


def compare(
    reference: Reference,
    folder: Path,
    files: Mapping[str, FileEntry],
    progress: Progress = lambda message: None,
) -> ParityReport:
    """Compare the files of a bundle with the reference, in every engine that runs on this machine."""
    results = []
    for contender in contenders(folder, files, reference.generator, reference.discriminator):
        result = _try(contender, reference.answers[contender.role])
        progress(f"{_describe(result)}: {_sentence(result)}")
        results.append(result)
    names = {role: tuple(case.name for case, _ in answers) for role, answers in reference.answers.items()}
    return ParityReport(reference.seed, names, tuple(results))


def require(report: ParityReport) -> ParityReport:
    """Return the report if all contenders that ran passed; else raise AmganError with the first failure."""
    if not report.passed:
        raise AmganError(
            f"the exported networks differ from PyTorch, {report.first_fault}; nothing was written"
        )
    return report


def _try(contender: Contender, answers: tuple[Answered, ...]) -> Result:
    c = contender
    result = Result(c.name, c.role, c.precision, c.file, c.arithmetic)
    measure = _codes if c.role == "generator" else _years
    try:
        difference = measure(c.open(), answers)
    except NotRun as error:
        return replace(result, not_run=str(error))
    except AmganError as error:
        return replace(result, faults=(str(error),))
    return replace(result, difference=difference, faults=difference.faults(TOLERANCES[c.precision]))


def _codes(run: Run, answers: tuple[Answered, ...]) -> CodeDifference:
    highest, where, means, noise, similar = -1, "", [], [], []
    for case, wanted in answers:
        found = _output(run, case, wanted)
        apart = code_difference(found, wanted)
        means.append(float(apart.mean()))
        noise.append(psnr_db(found, wanted))
        similar.append(ssim(found, wanted))
        if apart.max() > highest:
            highest, where = int(apart.max()), case.name
    return CodeDifference(highest, float(np.mean(means)), min(noise), min(similar), where)


def _years(run: Run, answers: tuple[Answered, ...]) -> YearDifference:
    highest, where, means, odd = -1.0, "", [], 0
    for case, wanted in answers:
        found = _output(run, case, wanted)
        bad = int((~np.isfinite(found)).sum())
        apart = np.abs(np.where(np.isfinite(found), found, wanted).astype(np.float64) - wanted)
        means.append(float(apart.mean()))
        if apart.max() > highest or (bad and not odd):
            highest, where = max(highest, float(apart.max())), case.name
        odd += bad
    return YearDifference(highest, float(np.mean(means)), odd, where)


def _output(run: Run, case: Case, wanted: NDArray[Any]) -> NDArray[Any]:
    found = run(case.arrays)
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise AmganError(
            f"it gives {found.dtype} {found.shape} for '{case.name}', "
            f"and PyTorch {wanted.dtype} {wanted.shape}"
        )
    return found


def _describe(result: Result) -> str:
    what = result.file or f"{result.role} emulated"
    return f"{what} in {result.contender} ({result.arithmetic})"


def _sentence(result: Result) -> str:
    """The result in a few words."""
    if result.not_run:
        return f"not run, {result.not_run}"
    if result.faults:
        return f"failed, {'; '.join(result.faults)}"
    d = result.difference
    if isinstance(d, CodeDifference):
        return f"at most {d.max_codes} code values, {d.psnr_db:.1f} dB, SSIM {d.ssim:.5f}"
    assert d is not None
    return f"at most {d.max_years:.2g} years"
