"""Compares a finished bundle with the checkpoint that it was exported from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from amgan.checkpoint import SHIPPED, load_model
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import UsageError
from amgan.runtime.files import file_sha256

from .parity.comparison import SEED, Reference, compare
from .parity.report import ParityReport

Progress = Callable[[str], None]


def find_checkpoint(bundle: Bundle, against: Path | None) -> Path:
    """The checkpoint to compare a bundle with: ``against``, else the shipped weights if it was made of them.

    Raises UsageError when ``against`` is None and the bundle was made of other weights, or there are none.
    """
    if against is not None:
        return against
    made_of = bundle.manifest.checkpoint_sha256
    if SHIPPED.is_file() and file_sha256(SHIPPED) == made_of:
        return SHIPPED
    raise UsageError(
        f"'{bundle.path}' was not made of the weights that ship with amgan: "
        "name its checkpoint with --against FILE.safetensors"
    )


def verify_bundle(
    bundle: Bundle, checkpoint: Path, seed: int = SEED, progress: Progress = lambda message: None
) -> ParityReport:
    """Compare every file of a bundle with a checkpoint's networks in PyTorch fp32.

    Raises UsageError when the checkpoint cannot be read or its networks are of other sizes.
    """
    generator, discriminator, config = load_model(checkpoint)
    manifest = bundle.manifest
    for what, there, here in (
        ("halo", manifest.halo_px, config.generator.halo_px),
        ("estimator's frame", manifest.estimator.frame_px, config.estimator_frame_px),
    ):
        if there != here:
            raise UsageError(
                f"'{bundle.path}' was not made of '{checkpoint}': its {what} is {there} px, and the "
                f"checkpoint's {here} px; name the right one with --against"
            )
    reference = Reference.of(
        generator, discriminator, config.estimator_frame_px, config.oldest_trained_age, seed
    )
    return compare(reference, bundle.path, manifest.files, progress)
