"""Makes the file that ships out of a run's weights: half precision, and the change scaled to its full size.

Squared error shrinks what it is unsure of, so a trained network changes less than its examples do. The gain
undoes that; it is chosen on training faces. tanh is all but linear for the changes of a face, so scaling the
weights of the colour head scales the change.

    python -m amgan.training.ship runs/base/weights.safetensors --gain 1.6 -o amgan-base.safetensors
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from amgan.checkpoint import load_model, save_model


def ship(weights: Path, output: Path, gain: float = 1.0) -> Path:
    """Write the weights with the change scaled by ``gain`` and rounded to half precision."""
    generator, discriminator, config = load_model(weights)
    with torch.no_grad():
        generator.colour.weight.mul_(gain)
        assert generator.colour.bias is not None
        generator.colour.bias.mul_(gain)
    for network in (generator, discriminator):
        network.half()
    save_model(output, generator, discriminator, config)
    return output


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--gain", default=1.0, show_default=True, help="What the change is multiplied by.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
def command(weights: Path, gain: float, output: Path) -> None:
    """Make the file that ships."""
    click.echo(f"weights written to {ship(weights, output, gain)}")


if __name__ == "__main__":
    command()
