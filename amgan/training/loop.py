"""The training loop: exact resumption, an averaged generator, logs as JSON lines, and picture grids."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from amgan.checkpoint import save_model
from amgan.data.batches import PairBatch, RealBatch
from amgan.data.dataset import load_dataset
from amgan.data.patches import PatchSampler
from amgan.runtime.errors import UsageError

from .config import TrainConfig, load_config
from .grid import grid_faces, write_grid
from .precision import autocast
from .ranks import Ranks, average_statistics, joined
from .state import TrainState, load_state, new_state, save_state, update_average
from .steps import Report, discriminator_step, generator_step, heads_step, to_tensors
from .tensorboard import EventFile

STATE = "state.safetensors"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Limits:
    """Limits of one call in steps or minutes; None is no limit."""

    steps: int | None = None
    minutes: float | None = None

    def reached(self, steps: int, seconds: float) -> bool:
        """Whether a limit is reached after so many steps and seconds of this call."""
        late = self.minutes is not None and seconds > 60 * self.minutes
        return late or (self.steps is not None and steps >= self.steps)


@dataclass(frozen=True, eq=False)
class StepBatches:
    """The batches of one step; None if it does not need one."""

    pairs: PairBatch
    reals: RealBatch | None = None
    heads: RealBatch | None = None


def train(
    config_path: Path, max_steps: int | None = None, max_minutes: float | None = None, fresh: bool = False
) -> Path:
    """Train by a TOML file and return the path of the averaged weights.

    Resumes from the state in the output folder unless ``fresh``. ``max_steps`` and ``max_minutes`` end this
    call early; the state is saved in any case. Raises UsageError for a bad configuration or dataset.
    """
    return run(load_config(config_path), max_steps, max_minutes, fresh)


def run(
    config: TrainConfig, max_steps: int | None = None, max_minutes: float | None = None, fresh: bool = False
) -> Path:
    """`train` with a parsed configuration; under torchrun, as one of several processes."""
    wanted = pick_device(config.device)
    with joined(wanted) as ranks:
        return _run(config, ranks, ranks.device(wanted), Limits(max_steps, max_minutes), fresh)


def _run(config: TrainConfig, ranks: Ranks, device: torch.device, limits: Limits, fresh: bool) -> Path:
    """The run in this process."""
    if config.threads:
        torch.set_num_threads(config.threads)
    dataset = load_dataset(config.dataset)
    if not len(dataset.change_faces):
        raise UsageError(
            f"{config.dataset} has no face at two ages; prepare it from more photos, old ones too"
        )
    generator = config.model.generator
    if dataset.patterns != generator.patterns:
        raise UsageError(
            f"{config.dataset} mixes {dataset.patterns} patterns, and the configuration has "
            f"{generator.patterns}: set patterns = {dataset.patterns} under [model.generator]"
        )
    sampler = PatchSampler(dataset, config.patches, ranks.seed(config.seed), generator.coordinates)
    state = new_state(config, device)
    config.output.mkdir(parents=True, exist_ok=True)
    if not fresh and (config.output / STATE).is_file():
        load_state(config.output / STATE, state)
    began, first = time.monotonic(), state.step
    faces = grid_faces(dataset)
    log = _open_log(config, fresh) if ranks.first else None
    with ThreadPoolExecutor(config.loaders) as pool:
        ahead: deque[Future[StepBatches]] = deque()
        while state.step < config.steps:
            while len(ahead) < config.loaders + 1:
                ahead.append(pool.submit(_draw, sampler, config, state.step + len(ahead)))
            report = one_step(state, config, ahead.popleft().result(), device)
            state.step += 1
            if log is not None:
                log.add(state.step - 1, report)
                if state.step % config.checkpoint_every == 0:
                    _save(config, state)
                if state.step % config.grid_every == 0:
                    grid = config.output / "grids" / f"{state.step:07d}.jpg"
                    write_grid(grid, state.average, dataset, faces)
                    log.picture(state.step, grid)
            if ranks.agree(limits.reached(state.step - first, time.monotonic() - began), device):
                break
    if log is not None:
        _save(config, state)
        log.close()
    ranks.wait()  # the next call must find the state
    return config.output / WEIGHTS


def _open_log(config: TrainConfig, fresh: bool) -> Log:
    board = config.output / "tensorboard"
    if fresh:
        (config.output / "log.jsonl").unlink(missing_ok=True)
        for old in board.glob("events.out.tfevents.*"):
            old.unlink()
    return Log(config.output / "log.jsonl", config.log_every, EventFile(board))


def one_step(state: TrainState, config: TrainConfig, batches: StepBatches, device: torch.device) -> Report:
    """Run step ``state.step`` on its batches and return its metrics."""
    _set_rates(state, config)
    _set_norm_mode(state, config)
    amp = autocast(config, device)
    if is_warmup(config, state.step):
        assert batches.heads is not None
        return heads_step(
            state, config, to_tensors(batches.heads, device), to_tensors(batches.pairs, device), amp
        )
    pair_batch = to_tensors(batches.pairs, device)
    real_batch = None if batches.reals is None else to_tensors(batches.reals, device)
    heard = real_batch if state.step >= config.adversarial_from else None
    report, fake = generator_step(state, config, pair_batch, heard, amp)
    if real_batch is not None:
        report |= discriminator_step(state, config, pair_batch, real_batch, fake, amp)
    if batches.heads is not None:
        report |= heads_step(state, config, to_tensors(batches.heads, device), None, amp)
    if state.generator.training:
        average_statistics(state.generator)
    update_average(state, config.ema)
    return report


def is_warmup(config: TrainConfig, step: int) -> bool:
    """Whether only the discriminator's heads are trained at this step."""
    return 0 <= step - config.discriminator_from < config.discriminator_warmup


def pick_device(name: str) -> torch.device:
    """Select a device; ``auto`` is the first GPU, or the CPU. Raises UsageError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device {name!r} asks for a GPU that PyTorch does not see; set device = 'cpu'")
    return torch.device(name)


class Log:
    """Appends mean metrics every few steps as JSON lines, and prints them on a terminal.

    With ``events`` they are also written for TensorBoard.
    """

    def __init__(self, path: Path, every: int, events: EventFile | None = None) -> None:
        self._path, self._every, self._events = path, every, events
        self._sums: dict[str, list[float]] = {}
        self._since = time.monotonic()

    def add(self, step: int, report: Report) -> None:
        """Add one step's metrics."""
        for name, value in report.items():
            self._sums.setdefault(name, []).append(value)
        if (step + 1) % self._every:
            return
        row: dict[str, float] = {k: round(sum(v) / len(v), 5) for k, v in self._sums.items()}
        row = {"step": step + 1, "seconds": round((time.monotonic() - self._since) / self._every, 3)} | row
        with self._path.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        if self._events is not None:
            self._events.numbers(step + 1, {k: v for k, v in row.items() if k != "step"})
        if sys.stderr.isatty():
            print("  ".join(f"{k} {v:g}" for k, v in row.items()), file=sys.stderr)
        self._sums, self._since = {}, time.monotonic()

    def picture(self, step: int, path: Path) -> None:
        """Add a grid, a JPEG file."""
        if self._events is not None:
            with Image.open(path) as grid:
                self._events.picture(step, "grid", grid)

    def close(self) -> None:
        """Close the file for TensorBoard."""
        if self._events is not None:
            self._events.close()


def _draw(sampler: PatchSampler, config: TrainConfig, step: int) -> StepBatches:
    learns = step >= config.discriminator_from
    heads = sampler.reals(step, config.head_batch, stream=3) if learns and config.head_batch else None
    pairs = sampler.pairs(step, config.batch)
    if is_warmup(config, step):
        return StepBatches(pairs, None, heads)
    reals = sampler.reals(step, config.real_batch) if learns and step % config.real_every == 0 else None
    return StepBatches(pairs, reals, heads)


def _set_rates(state: TrainState, config: TrainConfig) -> None:
    """Set the supervised rate, or the lower adversarial one; both have a cosine decay at the end."""
    base = config.adversarial_rate if state.step >= config.adversarial_from else config.generator_rate
    done = (state.step - config.decay_from) / max(1, config.steps - config.decay_from)
    share = config.final_rate_share + (1 - config.final_rate_share) * 0.5 * (
        1 + math.cos(math.pi * max(0.0, done))
    )
    warm = min(1.0, (state.step + 1) / 100)
    for group in state.optimiser_g.param_groups:
        group["lr"] = base * share * warm * group["times"]
    rate = config.warmup_rate if is_warmup(config, state.step) else config.discriminator_rate
    state.optimiser_d.param_groups[0]["lr"] = rate * share


def _set_norm_mode(state: TrainState, config: TrainConfig) -> None:
    """Use batch statistics first, and the fixed running statistics later."""
    state.generator.train(state.step < config.freeze_norm_from)


def _save(config: TrainConfig, state: TrainState) -> None:
    save_state(config.output / STATE, state)
    save_model(config.output / WEIGHTS, state.average, state.discriminator, config.model)
