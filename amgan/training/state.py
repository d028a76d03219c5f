"""The complete state of a training run, for exact resumption, in one safetensors file."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from amgan.checkpoint import load_model
from amgan.networks import Discriminator, Generator
from amgan.pairs.aging_field import SHIPPED, load_field
from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

from .atlas_start import fill_atlas
from .config import TrainConfig


@dataclass(eq=False)
class TrainState:
    """Networks, their averages and optimisers; ``step`` is the next one to run."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    optimiser_g: torch.optim.Adam
    optimiser_d: torch.optim.Adam
    step: int = 0


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Networks with random weights by the configuration's seed."""
    torch.manual_seed(config.seed)
    generator = Generator(config.model.generator).to(device)
    discriminator = Discriminator(config.model.discriminator).to(device)
    if config.start_from:
        _start_from(Path(config.start_from), config, generator, discriminator)
    if config.atlas_from:
        field = SHIPPED if config.atlas_from == "shipped" else Path(config.atlas_from)
        fill_atlas(generator, load_field(field))
    average = copy.deepcopy(generator).requires_grad_(False).eval()
    return TrainState(
        generator,
        discriminator,
        average,
        torch.optim.Adam(_groups(generator, config), lr=config.generator_rate, betas=(0.9, 0.999)),
        torch.optim.Adam(discriminator.parameters(), lr=config.discriminator_rate, betas=(0.5, 0.99)),
    )


def _groups(generator: Generator, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameter groups of the generator; ``times`` is their factor of the learning rate."""
    atlas = [] if generator.atlas is None else [generator.atlas.fine, generator.atlas.coarse]
    others = [p for p in generator.parameters() if not any(p is one for one in atlas)]
    groups: list[dict[str, Any]] = [{"params": others, "times": 1.0}]
    return [*groups, {"params": atlas, "times": config.atlas_rate}] if atlas else groups


def _start_from(path: Path, config: TrainConfig, generator: Generator, discriminator: Discriminator) -> None:
    """Copy the weights of an earlier run; raises UsageError for another model."""
    old_generator, old_discriminator, model = load_model(path)
    same = (model.generator, model.discriminator) == (config.model.generator, config.model.discriminator)
    if not same:
        raise UsageError(
            f"'{path}' holds another model than the configuration: start from one of the same shape"
        )
    generator.load_state_dict(old_generator.float().state_dict())
    discriminator.load_state_dict(old_discriminator.float().state_dict())


def save_state(path: Path, state: TrainState) -> None:
    """Write the state atomically."""
    tensors: dict[str, Tensor] = {}
    for name, network in _networks(state).items():
        tensors |= {f"{name}.{k}": v.contiguous() for k, v in network.state_dict().items()}
    for name, optimiser in _optimisers(state).items():
        for number, slots in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{number}.{k}": torch.as_tensor(v).contiguous() for k, v in slots.items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"step": json.dumps(state.step)})


def load_state(path: Path, state: TrainState) -> None:
    """Load a file of save_state into a new state."""
    with safe_open(path, framework="pt") as file:
        state.step = json.loads(file.metadata()["step"])
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    for name, network in _networks(state).items():
        network.load_state_dict(_under(tensors, name))
    for name, optimiser in _optimisers(state).items():
        slots: dict[int, dict[str, Any]] = {}
        for key, value in _under(tensors, name).items():
            number, slot = key.split(".")
            slots.setdefault(int(number), {})[slot] = value
        optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})


def update_average(state: TrainState, decay: float) -> None:
    """Update the averaged generator; the decay is smaller in early steps."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for average, now in zip(
            state.average.state_dict().values(), state.generator.state_dict().values(), strict=True
        ):
            if average.is_floating_point():
                average.lerp_(now, 1.0 - decay)
            else:
                average.copy_(now)


def _networks(state: TrainState) -> dict[str, nn.Module]:
    return {"generator": state.generator, "discriminator": state.discriminator, "average": state.average}


def _optimisers(state: TrainState) -> dict[str, torch.optim.Optimizer]:
    return {"optimiser_g": state.optimiser_g, "optimiser_d": state.optimiser_d}


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k.removeprefix(name + "."): v for k, v in tensors.items() if k.startswith(name + ".")}
