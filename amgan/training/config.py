"""The configuration of a training run: a TOML file parsed to frozen dataclasses; refuses unknown keys."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amgan.data.batches import PatchOptions
from amgan.networks import DiscriminatorConfig, GeneratorConfig, ModelConfig
from amgan.runtime.errors import UsageError


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms; names as in amgan.losses.

    ``fine`` is the weight of the squared error of detail finer than ``fine_share`` of the frame's side, and
    finer than ``finest_px`` pixels. The texture term compares the contrast of detail finer than
    ``texture_share`` of the side.
    """

    paired: float = 1.0
    fine: float = 2.0
    fine_share: float = 0.014
    finest_px: int = 3
    texture: float = 0.0
    texture_share: float = 0.014
    off_face: float = 0.2
    wgan: float = 0.02
    age: float = 0.1
    position: float = 0.05
    cycle: float = 0.5
    gradient_penalty: float = 10.0
    discriminator_age: float = 1.0
    discriminator_zones: float = 0.5
    discriminator_position: float = 0.5
    source_age_of_fakes: float = 0.3


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Steps count from 0; rates are Adam's; times are in steps unless noted otherwise.

    From ``discriminator_from`` on the discriminator learns: every ``real_every``-th step from
    ``real_batch`` real patches and their fakes, and every step its age and position heads from
    ``head_batch`` more. For the first ``discriminator_warmup`` of these steps only the heads learn, from the
    pairs too, and the generator is fixed. From ``adversarial_from`` on the generator has adversarial losses;
    from ``freeze_norm_from`` on batch-norm statistics are fixed, as at inference. ``precision`` is "fp32",
    "bf16" (mixed), or "auto": bf16 if the device supports it. The learning rate of the learnt atlas is
    ``atlas_rate`` times the generator's. ``loaders`` is the number of threads that prepare patches.
    ``start_from`` is a weights file of the same model to initialise a new run; ``atlas_from`` an aging field
    to initialise the atlas ("shipped" is the one of the package).
    """

    dataset: Path
    output: Path
    steps: int = 6000
    seed: int = 1
    batch: int = 8
    real_batch: int = 4
    real_every: int = 2
    head_batch: int = 16
    discriminator_from: int = 1000
    discriminator_warmup: int = 0
    adversarial_from: int = 2000
    freeze_norm_from: int = 4000
    penalty_every: int = 4
    generator_rate: float = 1.5e-3
    atlas_rate: float = 5.0
    adversarial_rate: float = 3e-4
    warmup_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    final_rate_share: float = 0.1
    decay_from: int = 4500
    ema: float = 0.998
    clip_norm: float = 1.0
    margin_px: int = 8
    precision: str = "auto"
    device: str = "auto"
    threads: int = 0
    loaders: int = 1
    start_from: str = ""
    atlas_from: str = ""
    log_every: int = 20
    checkpoint_every: int = 250
    grid_every: int = 500
    model: ModelConfig = field(default_factory=ModelConfig)
    patches: PatchOptions = field(default_factory=PatchOptions)
    weights: LossWeights = field(default_factory=LossWeights)


def load_config(path: Path) -> TrainConfig:
    """Read a training run's TOML file; relative paths are relative to the working directory.

    Raises UsageError if the file is missing, is no TOML, or has an unknown key or an invalid value.
    """
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"the training configuration {path} does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}") from error
    return config_from_dict(data, str(path))


def config_from_dict(data: dict[str, Any], source: str) -> TrainConfig:
    """Build the run's configuration from plain values; ``source`` names them in errors."""
    plain = dict(data)
    for name in ("model", "patches", "weights"):
        if not isinstance(plain.get(name, {}), dict):
            raise UsageError(f"{source}: '{name}' must be a table, not {plain[name]!r}")
    model = dict(plain.pop("model", {}))
    built = ModelConfig(
        _build(GeneratorConfig, model.pop("generator", {}), source),
        _build(DiscriminatorConfig, model.pop("discriminator", {}), source),
        **_checked(ModelConfig, model, source),
    )
    patches = _build(PatchOptions, plain.pop("patches", {}), source)
    weights = _build(LossWeights, plain.pop("weights", {}), source)
    for name in ("dataset", "output"):
        if name not in plain:
            raise UsageError(f"{source} lacks the key '{name}'")
        plain[name] = Path(plain[name])
    config = TrainConfig(
        **_checked(TrainConfig, plain, source), model=built, patches=patches, weights=weights
    )
    _check_numbers(config, source)
    if config.precision not in ("auto", "bf16", "fp32"):
        raise UsageError(f"{source}: precision {config.precision!r} is none of 'auto', 'bf16' and 'fp32'")
    if config.patches.patch_px % 16:
        raise UsageError(f"{source}: patches.patch_px {config.patches.patch_px} is no multiple of 16")
    return config


def _build(kind: Any, data: dict[str, Any], source: str) -> Any:
    checked = _checked(kind, data, source)
    try:
        return kind(**checked)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error


def _checked(kind: Any, data: dict[str, Any], source: str) -> dict[str, Any]:
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise UsageError(
            f"{source}: unknown key {unknown[0]!r}; {kind.__name__} knows {', '.join(sorted(known))}"
        )
    checked = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    for name, value in checked.items():
        default = getattr(kind, name, None)
        fits = isinstance(value, type(default)) or (isinstance(default, float) and isinstance(value, int))
        same_length = not isinstance(default, tuple) or (fits and len(value) == len(default))
        if default is not None and not (fits and same_length):
            raise UsageError(f"{source}: {name} = {value!r} is not of the kind of its default, {default!r}")
    return checked


def _check_numbers(config: TrainConfig, source: str) -> None:
    """Raise UsageError for invalid numbers."""
    for name in (
        "steps",
        "loaders",
        "batch",
        "real_batch",
        "real_every",
        "penalty_every",
        "log_every",
        "checkpoint_every",
        "grid_every",
    ):
        if getattr(config, name) < 1:
            raise UsageError(f"{source}: {name} = {getattr(config, name)} must be at least 1")
    if config.weights.finest_px < 1 or config.weights.finest_px % 2 == 0:
        raise UsageError(f"{source}: weights.finest_px = {config.weights.finest_px} must be odd, 1 or more")
    if not 0 < 2 * config.margin_px < config.patches.patch_px:
        raise UsageError(f"{source}: margin_px = {config.margin_px} must be above 0 and below half a patch")
    if config.discriminator_warmup and not config.head_batch:
        raise UsageError(f"{source}: discriminator_warmup needs a head_batch of at least 1")
