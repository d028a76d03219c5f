"""Every loss against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from support.tiny_networks import TINY_DISCRIMINATOR
from torch import Tensor

from amgan import losses
from amgan.networks import Discriminator


class LinearCritic:
    """A critic whose score is the inner product of picture and weights."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def features(self, image: Tensor) -> Tensor:
        return image

    def critic_of(self, features: Tensor, aging_map: Tensor) -> Tensor:
        return (features * self.weights).sum(dim=(1, 2, 3))


def pictures(n: int = 2, side: int = 4, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_critic_loss() -> None:
    real, fake, wrong = torch.tensor([0.5, 5.0]), torch.tensor([1.0, -3.0]), torch.tensor([-0.5, 0.0])
    assert losses.critic_loss(real, fake, wrong).item() == pytest.approx(0.5 * (1.0 + 0.75) + 0.25)


def test_a_critic_gains_nothing_from_scores_beyond_the_margin() -> None:
    near, far = torch.full((2,), 1.5), torch.full((2,), 300.0)
    assert losses.critic_loss(near, -near, -near).item() == losses.critic_loss(far, -far, -far).item() == 0.0


def test_generator_loss() -> None:
    assert losses.generator_loss(torch.tensor([1.0, -4.0])).item() == 1.5


@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic(length: float) -> None:
    weights = pictures(1, seed=5)
    critic = LinearCritic(weights / weights.norm() * length)
    for noise in (0.0, 0.4, 1.0):
        penalty = losses.gradient_penalty(
            critic,  # type: ignore[arg-type]
            pictures(seed=1), pictures(seed=2), torch.zeros(2, 1, 1, 1), torch.full((2, 1, 1, 1), noise),
        )  # fmt: skip
        assert penalty.item() == pytest.approx((length - 1) ** 2, abs=1e-5)


def test_gradient_penalty_looks_between_real_and_fake() -> None:
    """With a quadratic critic the gradient is the mixed picture itself."""

    class Quadratic(LinearCritic):
        def critic_of(self, features: Tensor, aging_map: Tensor) -> Tensor:
            return 0.5 * (features**2).sum(dim=(1, 2, 3))

    real, fake, share = pictures(seed=1), pictures(seed=2), torch.tensor([0.25, 0.75]).reshape(-1, 1, 1, 1)
    found = losses.gradient_penalty(Quadratic(real), real, fake, torch.zeros(2, 1, 1, 1), share)  # type: ignore[arg-type]
    mixed = (1 - share) * real + share * fake
    assert found.item() == pytest.approx(((mixed.flatten(1).norm(dim=1) - 1) ** 2).mean().item(), rel=1e-5)


def test_gradient_penalty_teaches_the_discriminator() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(TINY_DISCRIMINATOR)
    ages = torch.full((2, 1, 8, 8), 50.0)
    real, fake, noise = pictures(2, 32), pictures(2, 32, 1), torch.rand(2, 1, 1, 1)
    penalty = losses.gradient_penalty(discriminator, real, fake, ages, noise)
    penalty.backward()
    gradients = [p.grad for p in discriminator.trunk.parameters()]
    assert any(g is not None and g.abs().max() > 0 for g in gradients)


def test_aging_map_loss_by_hand() -> None:
    ages = torch.tensor([[[[50.0, 60.0]]]])
    aging_map = torch.tensor([[[[40.0, 40.0, 60.0, 60.0], [40.0, 40.0, 60.0, 60.0]]]])
    ones = torch.ones(1, 1, 2, 4)
    assert losses.aging_map_loss(ages, aging_map, ones).item() == pytest.approx((10 / 25) ** 2 / 2)
    left = torch.tensor([[[[1.0, 1, 0, 0], [1, 1, 0, 0]]]])
    assert losses.aging_map_loss(ages, aging_map, left).item() == pytest.approx((10 / 25) ** 2)
    assert losses.aging_map_loss(ages, aging_map, ones - left).item() == 0
    # within a cell, what counts is the mean over the face's share of it
    half = torch.tensor([[[[1.0, 0, 1, 1], [0, 0, 1, 1]]]])
    mixed = aging_map.clone()
    mixed[..., 1, 0] = 900.0
    assert losses.aging_map_loss(ages, mixed, half).item() == pytest.approx((10 / 25) ** 2 * 0.25 / 1.25)


def test_aging_map_loss_without_a_face_costs_nothing() -> None:
    nothing = torch.zeros(1, 1, 4, 4)
    assert losses.aging_map_loss(torch.full((1, 1, 1, 1), 99.0), nothing, nothing).item() == 0


def test_cycle_loss() -> None:
    original = pictures()
    assert losses.cycle_loss(original, original).item() == 0
    assert losses.cycle_loss(original + 0.25, original).item() == pytest.approx(0.25, rel=1e-5)
    assert losses.cycle_loss(original.bfloat16(), original).dtype == torch.float32


def test_position_loss() -> None:
    read, true = torch.tensor([[0.5, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, -1.0]])
    assert losses.position_loss(read, true).item() == pytest.approx((0.25 + 1) / 4)


def test_paired_loss() -> None:
    wanted = pictures()
    assert losses.paired_loss(wanted, wanted).item() == 0
    assert losses.paired_loss(wanted + 0.1, wanted).item() == pytest.approx(1.0, rel=1e-4)


def test_off_face_loss() -> None:
    change = torch.full((1, 3, 2, 2), 0.2)
    face = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    assert losses.off_face_loss(change, face).item() == pytest.approx(100 * 0.04 / 4, rel=1e-5)
    assert losses.off_face_loss(change, torch.ones(1, 1, 2, 2)).item() == 0


def test_texture_counts_contrast_and_not_its_place() -> None:
    lines = torch.zeros(1, 3, 64, 64)
    lines[..., ::8, :] = -0.5
    moved, soft = lines.roll(2, dims=2), lines.mean(dim=2, keepdim=True).expand(-1, -1, 64, -1)
    inner = (slice(None), slice(None), slice(16, 48), slice(16, 48))
    side, share = torch.tensor([640.0]), 0.014  # boxes of 9 and 17 px
    contrast = losses.texture.local_contrast(lines, side, share)[inner]

    def loss(aged: Tensor) -> float:
        return losses.texture_loss(aged, lines, side, share).item()

    assert loss(lines) == 0
    assert torch.allclose(contrast, losses.texture.local_contrast(moved, side, share)[inner], atol=0.04)
    assert contrast.min() > 0.1
    assert loss(soft) > 20 * loss(moved)
    assert loss(lines * 0.5) > 5 * loss(moved)
    assert losses.paired_loss(moved, lines) > losses.paired_loss(soft, lines)


def test_sizes_of_boxes_follow_the_frame() -> None:
    sides = torch.tensor([128.0, 256.0, 512.0, 1024.0])
    assert losses.paired.odd_sizes(sides, 0.014) == [3, 3, 7, 15]
    planes = torch.zeros(2, 4, 3, 3)
    planes[0, 3], planes[1, 3] = -1.0, 2.0
    assert losses.frame_sides(planes).tolist() == [256.0, 2048.0]


def test_texture_loss_measures_in_units_of_the_face() -> None:
    """The same pictures twice as large, of faces twice as large, are about equally far apart."""
    one, two = (box(pictures(1, 32, seed=s)) for s in (1, 2))
    small = losses.texture_loss(one, 0.3 * two, torch.tensor([512.0]), 0.014).item()
    one, two = (torch.nn.functional.interpolate(p, scale_factor=2.0) for p in (one, two))
    large = losses.texture_loss(one, 0.3 * two, torch.tensor([1024.0]), 0.014).item()
    assert large == pytest.approx(small, rel=0.2)
    assert losses.texture_loss(one, 0.3 * two, torch.tensor([512.0]), 0.014).item() < 0.8 * large


def box(picture: Tensor) -> Tensor:
    return losses.paired.box_mean(picture, 3)


def test_fine_loss_by_hand() -> None:
    """One pixel of 90 codes too much: over a box of n x n the rest is 1 - 1/n², and n² - 1 times -1/n²."""
    wanted = torch.zeros(1, 3, 32, 32)
    aged = wanted.clone()
    aged[:, :, 16, 16] = 0.5
    found = losses.fine_loss(aged, wanted, torch.tensor([512.0]), 0.014, 3).item()
    expected = 100 * 0.25 * sum(1 - 1 / n**2 for n in (7, 3)) / 32**2
    assert found == pytest.approx(expected, rel=1e-4)


def test_fine_loss_does_not_see_even_changes() -> None:
    wanted = pictures(2, 32)
    sides = torch.tensor([512.0, 300.0])
    assert losses.fine_loss(wanted + 0.3, wanted, sides, 0.014, 3).item() < 1e-6
    assert losses.fine_loss(wanted.bfloat16(), wanted, sides, 0.014, 3).dtype == torch.float32


def test_fine_loss_takes_every_picture_at_its_own_size() -> None:
    aged, wanted = pictures(2, 32, seed=1), pictures(2, 32, seed=2)
    sides = torch.tensor([256.0, 1024.0])
    alone = [
        losses.fine_loss(aged[i : i + 1], wanted[i : i + 1], sides[i : i + 1], 0.014, 3) for i in range(2)
    ]
    both = losses.fine_loss(aged, wanted, sides, 0.014, 3)
    assert both.item() == pytest.approx((alone[0] + alone[1]).item() / 2, rel=1e-5)
