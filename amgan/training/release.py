"""Makes the release weights from a run's weights: half precision, and a scaled change.

Squared error shrinks uncertain changes, so a trained network changes less than its examples. The gain, chosen
on training faces, compensates for that. tanh is nearly linear for typical changes, so scaling the weights of
the colour head scales the change.

    python -m amgan.training.release runs/base/weights.safetensors --gain 1.6 1.6 1.6 -o base.safetensors
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from amgan.checkpoint import load_model, save_model
from amgan.networks import Generator
from amgan.runtime.errors import UsageError


def release(
    weights: Path,
    output: Path,
    gain: float | tuple[float, float, float] = 1.0,
    max_frame_px: int | None = None,
    oldest_age: float | None = None,
    estimator: Path | None = None,
    mixed_with: Path | None = None,
) -> Path:
    """Write release weights: the change scaled by ``gain`` and rounded to half precision.

    The gain is one number, or one for each of red, green and blue. ``max_frame_px`` is the largest frame and
    ``oldest_age`` the oldest age in years that they are good for, where these are not the configuration's.
    ``estimator`` is a file of another run whose discriminator is used. Raises UsageError if its shape
    differs. ``mixed_with`` is the run that this one started from: the generator is the mean of both, which is
    more robust (Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022).
    """
    generator, discriminator, config = load_model(weights)
    if mixed_with is not None:
        first, _, other = load_model(mixed_with)
        if other.generator != config.generator:
            raise UsageError(f"'{mixed_with}' holds a generator of another shape than '{weights}'")
        _average(generator, first)
    if estimator is not None:
        _, discriminator, other = load_model(estimator)
        if other.discriminator != config.discriminator:
            raise UsageError(f"'{estimator}' holds a discriminator of another shape than '{weights}'")
    if max_frame_px is not None:
        config = replace(config, max_frame_px=max_frame_px)
    if oldest_age is not None:
        config = replace(config, oldest_trained_age=oldest_age)
    gains = torch.tensor(gain if isinstance(gain, tuple) else (gain,) * 3)
    with torch.no_grad():
        generator.colour.weight.mul_(gains.reshape(3, 1, 1, 1))
        assert generator.colour.bias is not None
        generator.colour.bias.mul_(gains)
    for network in (generator, discriminator):
        network.half()
    save_model(output, generator, discriminator, config)
    return output


def _average(generator: Generator, other: Generator) -> None:
    """Average the generator's weights and statistics with the other's."""
    mine, theirs = generator.state_dict(), other.state_dict()
    mixed = {k: (v + theirs[k]) / 2 if v.is_floating_point() else v for k, v in mine.items()}
    generator.load_state_dict(mixed)


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option(
    "--gain", type=float, nargs=3, default=(1.0, 1.0, 1.0), show_default=True, metavar="RED GREEN BLUE",
    help="Factor of the change per colour.",
)  # fmt: skip
@click.option("--max-frame", "max_frame_px", type=int, help="Largest frame, in px (default: the run's).")
@click.option("--oldest-age", type=float, help="Oldest age trained, in years (default: the run's).")
@click.option("--estimator", type=click.Path(path_type=Path), help="Weights whose discriminator is used.")
@click.option(
    "--mixed-with",
    type=click.Path(path_type=Path),
    help="Weights that the run started from, for the mean of both.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
def command(
    weights: Path,
    gain: tuple[float, float, float],
    max_frame_px: int | None,
    oldest_age: float | None,
    estimator: Path | None,
    mixed_with: Path | None,
    output: Path,
) -> None:
    """Make the release weights."""
    shipped = release(weights, output, gain, max_frame_px, oldest_age, estimator, mixed_with)
    click.echo(f"weights written to {shipped}")


if __name__ == "__main__":
    command()
