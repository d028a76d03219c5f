"""Checkpoint to bundle: ONNX files, engines, parity check and manifest, written atomically as one folder."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import amgan.runtime
from amgan.checkpoint import SHIPPED, load_model
from amgan.runtime.bundle.bundle import MANIFEST, Bundle, write_manifest
from amgan.runtime.bundle.engine_files import FORMAT
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.errors import UsageError

from .graphs.files import write_plain, write_simplified
from .manifest import make_manifest
from .options import ENGINE_PRECISION, ExportOptions
from .parity.comparison import Reference, compare, require
from .tensorrt.engines import add_engines

Progress = Callable[[str], None]
DEFAULTS = ExportOptions()
C_HEADER = Path(amgan.runtime.__file__).parent / "capi" / "amgan.h"

__all__ = ["ExportOptions", "export_bundle"]


def export_bundle(
    checkpoint: Path | None,
    output: Path,
    progress: Progress = lambda message: None,
    options: ExportOptions = DEFAULTS,
) -> Path:
    """Export a checkpoint (None: the shipped one) to a bundle folder and return the folder.

    An existing bundle is replaced once the new one is complete and its parity check passes; any other
    non-empty folder is refused. Raises UsageError, and AmganError when export or parity check fails; nothing
    is written then.
    """
    options.check()
    source = SHIPPED if checkpoint is None else checkpoint
    generator, discriminator, config = load_model(source)
    _check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    work = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    work.mkdir()
    try:
        frame_px = config.estimator_frame_px
        if options.plain:
            written = write_plain(work, generator, discriminator, frame_px, progress)
        else:
            written = write_simplified(work, generator, discriminator, frame_px, options.written, progress)
        manifest = make_manifest(source, config, options, written)
        progress("comparing with PyTorch")
        reference = Reference.of(generator, discriminator, frame_px, config.oldest_trained_age)
        manifest = _finish(work, output, manifest, reference, options, progress)
        # Not in the manifest: nothing reads it when the bundle is used, and it may be newer than the bundle.
        shutil.copyfile(C_HEADER, work / C_HEADER.name)
        write_manifest(work, manifest)
        Bundle.open(work)
        progress(f"writing {output}")
        _swap(work, output)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return output


def _finish(
    work: Path,
    output: Path,
    manifest: Manifest,
    reference: Reference,
    options: ExportOptions,
    progress: Progress,
) -> Manifest:
    """Compare the ONNX files, build engines, compare these too; returns the full manifest."""
    report = require(compare(reference, work, manifest.files, progress))
    if options.targets:
        wanted = replace(options.engines, precision=ENGINE_PRECISION, force=options.force)
        previous = output if output.is_dir() else None
        manifest = add_engines(
            work, manifest, options.targets, options.flavour, wanted, progress, previous=previous
        )
        engines = {name: entry for name, entry in manifest.files.items() if entry.format == FORMAT}
        of_engines = require(compare(reference, work, engines, progress))
        report = replace(report, results=report.results + of_engines.results)
    return replace(manifest, parity=report.to_dict())


def _check_output(output: Path) -> None:
    """Refuse to replace anything but a bundle."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; name a folder for the bundle")
    if output.is_dir() and any(output.iterdir()) and not (output / MANIFEST).is_file():
        raise UsageError(f"{output} holds files that are not a bundle; name a new or empty folder")


def _swap(work: Path, output: Path) -> None:
    """Replace the old folder by the finished one; the old one is deleted last."""
    old = output.with_name(f".{output.name}.old.{secrets.token_hex(4)}")
    if output.exists():
        output.replace(old)
    try:
        work.replace(output)
    except OSError:
        if old.exists():
            old.replace(output)
        raise
    shutil.rmtree(old, ignore_errors=True)
