r"""Trains the estimator (trunk and age head of a discriminator) on true ages, separately from the generator.

Age bands are sampled equally often, so that there is no incentive to regress to the mean. The target of the
mean of a face's zones is its age; single cells keep their offsets from it in the initial network.

    python -m amgan.training.estimator --set faces faces.csv --set portraits portraits.csv \
        --true-ages true.csv --minutes 30 -o runs/estimator

`python -m amgan.training.release WEIGHTS --estimator runs/estimator/weights.safetensors` puts the result into
release weights.
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from amgan.checkpoint import load_model, save_model
from amgan.evaluation.true_ages import against_true_ages
from amgan.faces.age_curve import read_age_curve
from amgan.networks import Discriminator
from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

from .age_examples import ASKED, ESTIMATED, TRUE, AgeExamples, read_examples
from .relighting import as_it_is, seen_again

ERROR_YEARS = 10.0
"""The threshold of the Huber loss."""

MAX_OFFSET_YEARS = 15.0
_WEIGHTS, _STATE, _CHECKS = "weights.safetensors", "state.pt", "checks.json"


@dataclass(frozen=True)
class EstimatorOptions:
    """Options of the estimator's training; it ends after ``steps`` or ``minutes`` (0: no limit)."""

    steps: int = 1500
    minutes: float = 0.0
    batch: int = 16
    rate: float = 4e-4
    warmup: int = 50
    decay: float = 0.05
    dropped: float = 0.25
    cells: float = 0.3
    averaged: float = 0.998
    seed: int = 0
    save_every: int = 100


@dataclass(eq=False)
class EstimatorState:
    """The state of a run: network, its running average, optimiser, and steps done."""

    network: Discriminator
    average: Discriminator
    optimiser: torch.optim.Optimizer
    step: int = 0
    losses: list[float] = field(default_factory=list)


def start(weights: Path | None, options: EstimatorOptions) -> EstimatorState:
    """The state at step 0, from the discriminator of a checkpoint (None: the shipped one)."""
    _, network, _ = load_model(weights)
    network.train().requires_grad_(True)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    return EstimatorState(network, average, _optimiser(network, options))


def _optimiser(network: Discriminator, options: EstimatorOptions) -> torch.optim.Optimizer:
    learnt = [p for module in (network.trunk, network.age_hidden, network.age) for p in module.parameters()]
    return torch.optim.AdamW(learnt, lr=options.rate, weight_decay=options.decay)


def read_maps(network: Discriminator, examples: AgeExamples, batch: int = 16) -> np.ndarray:
    """The maps [N, g, g] in years that a network estimates for the unaugmented frames."""
    found = []
    with torch.inference_mode():
        for k in range(0, len(examples.ages), batch):
            pictures = np.stack(
                [as_it_is(frame, examples.side_px) for frame in examples.frames[k : k + batch]]
            )
            found.append(network.estimate(torch.from_numpy(pictures).permute(0, 3, 1, 2))[:, 0].numpy())
    return np.concatenate(found)


def offsets_of(maps: np.ndarray, zones: np.ndarray) -> np.ndarray:
    """Offsets of cells [N, g, g] from the mean of their face's zones, years."""
    mean = (maps * zones).sum(axis=(1, 2), keepdims=True)
    return np.asarray(np.clip(maps - mean, -MAX_OFFSET_YEARS, MAX_OFFSET_YEARS), np.float32)


def step(
    state: EstimatorState,
    examples: AgeExamples,
    shares: np.ndarray,
    offsets: np.ndarray,
    options: EstimatorOptions,
    share_done: float,
) -> float:
    """One step on a batch drawn by ``shares``; returns the loss. Deterministic for seed and step."""
    random = np.random.default_rng((options.seed, state.step))
    torch.manual_seed(int(random.integers(2**31)))
    for group in state.optimiser.param_groups:
        rising = min(1.0, (state.step + 1) / options.warmup)
        group["lr"] = options.rate * rising * 0.5 * (1 + math.cos(math.pi * min(share_done, 1.0)))
    chosen = random.choice(len(shares), options.batch, p=shares)
    pictures, zones, kept = [], [], []
    for number in chosen:
        way = -1 if random.random() < 0.5 else 1
        pictures.append(seen_again(examples.frames[number], examples.side_px, random)[:, ::way])
        zones.append(examples.zones[number][:, ::way])
        kept.append(offsets[number][:, ::way])
    image = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    ages = torch.tensor(examples.ages[chosen], dtype=torch.float32)
    features = F.dropout2d(state.network.features(image), options.dropped)
    loss = age_loss(
        state.network.ages_of(features)[:, 0],
        ages,
        torch.from_numpy(np.stack(zones)),
        torch.from_numpy(np.stack(kept)),
        options.cells,
    )
    state.optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    state.step += 1
    _follow(state, options)
    return float(loss.detach())


def age_loss(maps: Tensor, ages: Tensor, zones: Tensor, offsets: Tensor, cells: float) -> Tensor:
    """The error of the mean of the zones plus ``cells`` times that of the cells in zones.

    ``maps``, ``zones`` and ``offsets`` are [N, g, g] in years (zones: weights summing to 1), ``ages`` [N].
    """
    face = (maps * zones).sum(dim=(1, 2))
    covered = (zones > 0.03 * zones.amax(dim=(1, 2), keepdim=True)).float()
    wanted = (ages[:, None, None] + offsets) / ERROR_YEARS
    apart = F.smooth_l1_loss(maps / ERROR_YEARS, wanted, reduction="none") * covered
    whole = F.smooth_l1_loss(face / ERROR_YEARS, ages / ERROR_YEARS)
    return whole + cells * apart.sum() / covered.sum().clamp_min(1.0)


def check(network: Discriminator, examples: AgeExamples) -> dict[str, Any]:
    """Errors of the network on the validation faces, by how their ages are known."""
    chosen = np.nonzero(examples.checks)[0]
    if not len(chosen):
        return {}
    kept = AgeExamples(
        tuple(examples.names[k] for k in chosen),
        examples.frames[chosen],
        examples.ages[chosen],
        tuple(examples.how[k] for k in chosen),
        examples.zones[chosen],
        examples.checks[chosen],
    )
    read = (read_maps(network, kept) * kept.zones).sum(axis=(1, 2))
    how = np.array(kept.how)
    return {
        name: against_true_ages(list(kept.ages[how == name]), list(read[how == name]))
        for name in (TRUE, ASKED, ESTIMATED)
        if (how == name).any()
    }


def train(
    examples: AgeExamples, weights: Path | None, output: Path, options: EstimatorOptions
) -> dict[str, Any]:
    """Train with regular checkpoints, resuming a run in ``output``; returns the validation results.

    Writes weights.safetensors (the running average), state.pt and checks.json. Raises UsageError.
    """
    state = start(weights, options)
    shares = examples.shares()
    offsets = offsets_of(read_maps(state.average, examples), examples.zones)
    output.mkdir(parents=True, exist_ok=True)
    _resume(state, output / _STATE)
    began, first = time.monotonic(), state.step
    done = state.step / options.steps
    while state.step < options.steps and done < 1.0:
        state.losses.append(step(state, examples, shares, offsets, options, done))
        done = state.step / options.steps
        if options.minutes:
            done = max(done, (time.monotonic() - began) / 60 / options.minutes)
        if state.step % options.save_every == 0:
            save(state, weights, output)
            click.echo(f"step {state.step}: loss {np.mean(state.losses[-options.save_every :]):.3f}")
    save(state, weights, output)
    found = {"steps": state.step, "steps_of_this_run": state.step - first} | check(state.average, examples)
    (output / _CHECKS).write_text(json.dumps(found, indent=1) + "\n")
    return found


def _follow(state: EstimatorState, options: EstimatorOptions) -> None:
    """Move the running average towards the network, fast at first."""
    kept = min(options.averaged, state.step / (state.step + 20))
    with torch.no_grad():
        for mean, value in zip(state.average.parameters(), state.network.parameters(), strict=True):
            mean.lerp_(value, 1 - kept)


def save(state: EstimatorState, weights: Path | None, output: Path) -> None:
    """Write the running average as a checkpoint, and the state of the run, into a folder."""
    generator, _, config = load_model(weights)
    save_model(output / _WEIGHTS, generator, state.average, config)
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
    }
    with whole_file(output / _STATE) as part:
        torch.save(content, part)


def _resume(state: EstimatorState, file: Path) -> None:
    """Load a saved state, if there is one; raises UsageError for a damaged one."""
    if not file.is_file():
        return
    try:
        saved = torch.load(file, weights_only=True)
        state.network.load_state_dict(saved["network"])
        state.average.load_state_dict(saved["average"])
        state.optimiser.load_state_dict(saved["optimiser"])
        state.step = int(saved["step"])
    except Exception as error:
        raise UsageError(
            f"'{file}' is no state to go on from ({error}): remove it, or name another -o"
        ) from error


@click.command()
@click.option(
    "--set", "sets", required=True, multiple=True, nargs=2, type=click.Path(path_type=Path),
    metavar="FOLDER CSV", help="Faces and their table of ages: file, age or age_estimate, age_is.",
)  # fmt: skip
@click.option("--true-ages", type=click.Path(path_type=Path), help="Table that estimates are calibrated by.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where it begins (default: the shipped).")
@click.option("--steps", default=1500, show_default=True, type=click.IntRange(min=1), help="Steps in all.")
@click.option("--minutes", default=0.0, show_default=True, type=click.FloatRange(min=0), help="0: no limit.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
def command(
    sets: tuple[tuple[Path, Path], ...],
    true_ages: Path | None,
    weights: Path | None,
    steps: int,
    minutes: float,
    output: Path,
) -> None:
    """Train the estimator on true ages; resumes an interrupted run."""
    torch.set_num_threads(1)
    curve = None if true_ages is None else read_age_curve(true_ages)[0]
    examples = read_examples(sets, curve)
    found = train(examples, weights, output, EstimatorOptions(steps=steps, minutes=minutes))
    for how in (TRUE, ASKED, ESTIMATED):
        if how in found:
            one = found[how]
            click.echo(
                f"{one['faces']} faces kept apart, {how} ages: mean error {one['error_years']['mean']:.1f} "
                f"years, bias {one['bias_years']['mean']:+.1f}, slope {one['slope']}"
            )
    click.echo(f"weights written to {output / _WEIGHTS}")


if __name__ == "__main__":
    command()
