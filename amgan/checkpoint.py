"""Checkpoints: safetensors files with the model's configuration, never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from amgan.networks import Discriminator, Generator, ModelConfig
from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

FORMAT = "amgan-2"
"""Version of the networks' architecture: 2 has face coordinates, a learnt atlas and patterns."""
SHIPPED = Path(__file__).parent / "weights" / "amgan-base.safetensors"


def save_model(path: Path, generator: Generator, discriminator: Discriminator, config: ModelConfig) -> None:
    """Write both networks (parameters and norm statistics) and the configuration, atomically."""
    tensors = {f"generator.{k}": v.contiguous() for k, v in generator.state_dict().items()}
    tensors |= {f"discriminator.{k}": v.contiguous() for k, v in discriminator.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"config": json.dumps(asdict(config)), "format": FORMAT})
        part.chmod(0o644)  # safetensors creates files readable only by the owner


def load_model(path: Path | None = None) -> tuple[Generator, Discriminator, ModelConfig]:
    """Read both networks on the CPU in fp32 and inference mode; None takes the shipped weights.

    Half-precision weights are converted. Raises UsageError if the file is missing, is no AMGAN checkpoint, or
    does not match its configuration.
    """
    path = SHIPPED if path is None else path
    if not path.is_file():
        raise UsageError(f"the checkpoint {path} does not exist; name one with --checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        _check_format(path, metadata.get("format"))
        config = ModelConfig.from_dict(json.loads(metadata["config"]))
        generator, discriminator = Generator(config.generator), Discriminator(config.discriminator)
        for name, network in (("generator.", generator), ("discriminator.", discriminator)):
            part = {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}
            network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in part.items()})
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path} is no AMGAN checkpoint that this version can read ({reason})") from error
    return generator.eval().requires_grad_(False), discriminator.eval().requires_grad_(False), config


def _check_format(path: Path, found: str | None) -> None:
    """Raise UsageError for weights of another version."""
    if found == "amgan-1":
        raise UsageError(
            f"{path} holds weights of an older version, of networks that know nothing of face coordinates: "
            "train them again, or use the version of amgan that wrote them"
        )
    if found is not None and found != FORMAT:
        raise UsageError(f"{path} has the format {found!r}, and this version reads {FORMAT!r}: upgrade amgan")
