"""One training step of each network, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from amgan import losses
from amgan.data.batches import PairBatch, RealBatch

from .config import TrainConfig
from .ranks import average_gradients
from .state import TrainState

Report = dict[str, float]


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """A PairBatch or RealBatch as tensors on the training device, by field name."""

    fields: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.fields[name]


def to_tensors(batch: PairBatch | RealBatch, device: torch.device) -> TensorBatch:
    """Move a batch to the device."""
    return TensorBatch(
        {k: torch.from_numpy(np.ascontiguousarray(v)).to(device) for k, v in vars(batch).items()}
    )


def generator_step(
    state: TrainState, config: TrainConfig, pairs: TensorBatch, reals: TensorBatch | None, amp: torch.autocast
) -> tuple[Report, Tensor | None]:
    """Train on supervised pairs, with ``reals`` also on the paper's losses; returns the critic's fakes."""
    weights, margin = config.weights, config.margin_px
    generator = state.generator
    with amp:
        delta, attention = generator.change(
            pairs["before"], pairs["map_after"] - pairs["map_before"], pairs["coordinates"], pairs["pattern"]
        )
    change = attention.float() * delta.float()
    face = F.interpolate(pairs["face"], scale_factor=4, mode="bilinear")
    inner = (slice(None), slice(None), slice(margin, -margin), slice(margin, -margin))
    aged, wanted = (pairs["before"] + change)[inner], pairs["after"][inner]
    paired = losses.paired_loss(aged, wanted)
    sides = losses.frame_sides(pairs["coordinates"])
    fine = losses.fine_loss(aged, wanted, sides, weights.fine_share, weights.finest_px)
    off_face = losses.off_face_loss(change[inner], face[inner])
    loss = weights.paired * paired + weights.fine * fine + weights.off_face * off_face
    report = {
        "g/paired": paired.item(),
        "g/fine": fine.item(),
        "g/off_face": off_face.item(),
        "g/attention": attention.mean().item(),
    }
    if weights.texture:
        texture = losses.texture_loss(aged, wanted, sides, weights.texture_share)
        loss = loss + weights.texture * texture
        report["g/texture"] = texture.item()
    fake = None
    if reals is not None:
        with amp:
            conditions = reals["coordinates"], reals["pattern"]
            years = reals["map_wanted"] - reals["map_now"]
            fake = generator(reals["image"], years, *conditions).float()
            returned = generator(fake, -years, *conditions).float()
            judged = state.discriminator(fake, reals["map_wanted"])
        wgan = losses.generator_loss(judged.critic.float())
        age = losses.aging_map_loss(judged.ages, reals["map_wanted"], reals["face"])
        position = losses.position_loss(judged.position, reals["position"])
        cycle = losses.cycle_loss(returned[inner], reals["image"][inner])
        loss = (
            loss
            + weights.wgan * wgan
            + weights.age * age
            + weights.position * position
            + weights.cycle * cycle
        )
        report |= {
            "g/wgan": wgan.item(),
            "g/age": age.item(),
            "g/position": position.item(),
            "g/cycle": cycle.item(),
        }
        fake = fake.detach()
    _descend(state.optimiser_g, loss, generator, config.clip_norm)
    return report, fake


def discriminator_step(
    state: TrainState,
    config: TrainConfig,
    pairs: TensorBatch,
    reals: TensorBatch,
    fake: Tensor | None,
    amp: torch.autocast,
) -> Report:
    """Train the three heads; ``fake`` are the generator's patches for ``reals``, computed here if None."""
    weights, discriminator = config.weights, state.discriminator
    if fake is None:
        fake = _fakes(state.generator, reals, amp)
    with amp:
        features = discriminator.features(reals["image"])
        real = discriminator.judge(features, reals["map_now"])
        faked = discriminator(fake, reals["map_wanted"])
        mismatched = discriminator.critic_of(features, _far_maps(reals["map_now"], reals["map_wanted"]))
        shown = discriminator.ages_of(discriminator.features(pairs["after"]))
    critic = losses.critic_loss(real.critic.float(), faked.critic.float(), mismatched.float())
    age = losses.aging_map_loss(real.ages, reals["map_now"], reals["face"])
    source = losses.aging_map_loss(faked.ages, reals["map_now"], reals["face"])
    zones = losses.aging_map_loss(shown, pairs["map_after"], pairs["face"])
    position = losses.position_loss(real.position, reals["position"])
    loss = (
        critic
        + weights.discriminator_age * age
        + weights.discriminator_zones * zones
        + weights.source_age_of_fakes * source
        + weights.discriminator_position * position
    )
    report = {
        "d/critic": critic.item(),
        "d/real": real.critic.mean().item(),
        "d/fake": faked.critic.mean().item(),
        "d/mismatched": mismatched.mean().item(),
        "d/age": age.item(),
        "d/zones": zones.item(),
        "d/source": source.item(),
        "d/position": position.item(),
    }
    if state.step % config.penalty_every == 0:
        penalty = _penalty(state, config, reals, fake)
        loss = loss + weights.gradient_penalty * config.penalty_every * penalty
        report["d/penalty"] = penalty.item()
    _descend(state.optimiser_d, loss, discriminator, 10.0 * config.clip_norm)
    return report


def _fakes(generator: torch.nn.Module, reals: TensorBatch, amp: torch.autocast) -> Tensor:
    """The generator's fp32 pictures for real patches, without gradients."""
    change = reals["map_wanted"] - reals["map_now"]
    with torch.no_grad(), amp:
        made: Tensor = generator(reals["image"], change, reals["coordinates"], reals["pattern"]).float()
    return made


def _penalty(state: TrainState, config: TrainConfig, reals: TensorBatch, fake: Tensor) -> Tensor:
    """The critic's gradient penalty between real patches and fakes; random points by seed and step."""
    noise = torch.from_numpy(
        np.random.default_rng((config.seed, state.step, 2)).random(len(fake), np.float32)
    )
    return losses.gradient_penalty(
        state.discriminator,
        reals["image"],
        fake,
        reals["map_wanted"],
        noise.to(fake.device).reshape(-1, 1, 1, 1),
    )


def heads_step(
    state: TrainState, config: TrainConfig, reals: TensorBatch, pairs: TensorBatch | None, amp: torch.autocast
) -> Report:
    """Train only the age and position heads, which is cheap and determines the estimator.

    Real patches have the ages of faces; ``pairs``, if given, also have single zones at other ages.
    """
    weights, discriminator = config.weights, state.discriminator
    with amp:
        features = discriminator.features(reals["image"])
        ages, position = discriminator.ages_of(features), discriminator.position_of(features)
    age = losses.aging_map_loss(ages, reals["map_now"], reals["face"])
    distance = losses.position_loss(position, reals["position"])
    loss = weights.discriminator_age * age + weights.discriminator_position * distance
    report = {"d/head_age": age.item(), "d/head_position": distance.item()}
    if pairs is not None:
        with amp:
            shown = discriminator.estimate(torch.cat([pairs["before"], pairs["after"]]))
        maps = torch.cat([pairs["map_before"], pairs["map_after"]])
        zones = losses.aging_map_loss(shown, maps, torch.cat([pairs["face"], pairs["face"]]))
        loss = loss + weights.discriminator_zones * zones
        report["d/head_zones"] = zones.item()
    _descend(state.optimiser_d, loss, discriminator, 10.0 * config.clip_norm)
    return report


def _far_maps(now: Tensor, wanted: Tensor) -> Tensor:
    """Wrong maps for real pictures: the wanted ones, at least 15 years away from the true ones."""
    gap = (wanted - now).mean(dim=(1, 2, 3), keepdim=True)
    return wanted + torch.where(gap >= 0, 1.0, -1.0) * (15.0 - gap.abs()).clamp_min(0.0)


def _descend(
    optimiser: torch.optim.Optimizer, loss: Tensor, network: torch.nn.Module, clip_norm: float
) -> None:
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss, inputs=list(network.parameters()))
    average_gradients(network)
    torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimiser.step()
