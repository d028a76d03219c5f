"""TensorRT engines of a bundle: selection of those to build and to keep, and their manifest entries."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.engine_files import FORMAT, EngineBuild
from amgan.runtime.bundle.manifest import FileEntry, Manifest
from amgan.runtime.engines.cuda.program import generator_tensors, largest_batch
from amgan.runtime.engines.tiles import Size
from amgan.runtime.errors import AmganError, BundleError, UsageError
from amgan.runtime.files import file_sha256

from .build import build_engine, plan_build
from .flavour import AUTO
from .log import Progress
from .options import EngineOptions

DEFAULTS = EngineOptions()


def add_engines(
    folder: Path,
    manifest: Manifest,
    targets: Sequence[str],
    flavour: str = AUTO,
    options: EngineOptions = DEFAULTS,
    progress: Progress = lambda message: None,
    *,
    previous: Path | None = None,
) -> Manifest:
    """Build the engines of generator and estimator into a bundle's folder; returns the manifest with them.

    The manifest is not written. An engine of ``manifest`` or of the bundle ``previous`` is kept if its ONNX
    file, options, flavour, version and targets are the same. Raises BundleError if the bundle has no ONNX
    file of the precision, and the errors of build_engine.
    """
    plans = []
    for role, core in _wanted(manifest, options):
        onnx = _onnx_file(folder, manifest, role, options.precision)
        inputs = network_inputs(manifest, role, core)
        batch = largest_batch(core, options.batch)
        wanted = options.for_network(inputs, flavour, tuple(targets), batch)
        plan = plan_build(onnx, wanted)
        cache = options.timing_cache or timing_cache(plan.flavour, plan.version, plan.targets)
        name = engine_name(role, options.precision, plan, core)
        plans.append((role, name, onnx, replace(wanted, flavour=plan.flavour, timing_cache=cache), plan))
    files = _without_other_sizes(manifest.files, {name for _, name, *_ in plans}, plans[0][-1])
    with tempfile.TemporaryDirectory(dir=folder, prefix=".engines.") as work:
        for role, name, onnx, wanted, plan in plans:
            reason = (
                "a new one was asked for" if options.force else _keep(folder, files, name, plan, previous)
            )
            if reason is None:
                same = f"ONNX file, options, {plan.flavour} {plan.version} and targets"
                progress(f"{name}: kept, the same {same}")
                continue
            progress(f"{name}: building, {reason}")
            build = build_engine(onnx, Path(work) / name, wanted, progress)
            files[name] = FileEntry(role, FORMAT, options.precision, file_sha256(Path(work) / name), build)
        # Files of the bundle are replaced only after all engines were built.
        for file in Path(work).iterdir():
            file.replace(folder / file.name)
    return replace(manifest, files=files)


def engine_name(role: str, precision: str, build: EngineBuild, core: Size | None = None) -> str:
    """File name of an engine, with the core of its tiles if it has tiles.

    Engines of TensorRT run only on one generation of GPUs, which is part of the name.
    """
    generation = f".{'-'.join(build.targets)}" if build.flavour == "tensorrt" else ""
    size = f".{core[0]}x{core[1]}px" if core else ""
    return f"{role}.{precision}{size}.{build.flavour}{generation}.engine"


def _wanted(manifest: Manifest, options: EngineOptions) -> list[tuple[str, Size | None]]:
    """Role of every engine to build, and the core of its tiles in px (None for the estimator).

    No frame is larger than the manifest allows, so neither is any core. Raises UsageError without any core.
    """
    most = manifest.max_frame_px
    cores = {(min(width, most), min(height, most)) for width, height in options.cores}
    if not cores:
        raise UsageError("there is no size of tiles to build engines for: name one")
    return [*(("generator", core) for core in sorted(cores)), ("estimator", None)]


def _without_other_sizes(
    files: Mapping[str, FileEntry], names: set[str], plan: EngineBuild
) -> dict[str, FileEntry]:
    """The files of a bundle without engines of the same kind for other tile sizes."""

    def stays(name: str, entry: FileEntry) -> bool:
        there = entry.build
        alike = there and (there.flavour, there.targets) == (plan.flavour, plan.targets)
        return name in names or entry.role != "generator" or not alike

    return {name: entry for name, entry in files.items() if stays(name, entry)}


def why_build(entry: FileEntry | None, file: Path, wanted: EngineBuild) -> str | None:
    """The reason to build an engine (again), as a clause; None if the existing one is up to date."""
    if entry is None or entry.build is None:
        return "there is none yet"
    there = entry.build
    if not file.is_file() or file_sha256(file) != entry.sha256:
        return "its file is missing or damaged"
    for same, reason in (
        (there.onnx_sha256 == wanted.onnx_sha256, "the ONNX file changed"),
        (
            (there.flavour, there.version) == (wanted.flavour, wanted.version),
            f"it is from {there.flavour} {there.version}, and {wanted.flavour} {wanted.version} is installed",
        ),
        (
            there.targets == wanted.targets,
            f"it is for {', '.join(there.targets)} and not {', '.join(wanted.targets)}",
        ),
        (there.profile == wanted.profile, "the tile or batch size changed"),
        (dict(there.options) == dict(wanted.options), "the build options changed"),
    ):
        if not same:
            return reason
    return None


def network_inputs(manifest: Manifest, role: str, core: Size | None) -> dict[str, tuple[int, ...]]:
    """Shapes, without the batch, of a network's inputs for tiles with this core (frames, for the estimator).

    Raises UsageError for an invalid core.
    """
    if role == "estimator" or core is None:
        side = manifest.estimator.frame_px
        return {"image": (side, side, 3)}
    step = manifest.tile_multiple
    if min(core) <= 0 or any(side % step for side in core):
        width, height = core
        raise UsageError(f"a tile's core cannot be {width}x{height} px: use multiples of {step} px")
    within = (min(core[0], manifest.max_frame_px), min(core[1], manifest.max_frame_px))
    inputs, _ = generator_tensors(within, manifest.halo_px, manifest.patterns)
    return {name: tensor.shape for name, tensor in inputs.items()}


def timing_cache(flavour: str, version: str, targets: Sequence[str]) -> Path:
    """Path of the timing cache on this machine."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(base) if base else Path.home() / ".cache"
    return folder / "amgan" / f"{flavour}-{version}-{'-'.join(targets)}.timing"


def _onnx_file(folder: Path, manifest: Manifest, role: str, precision: str) -> Path:
    for name, entry in manifest.files.items():
        if (entry.role, entry.format, entry.precision) == (role, "onnx", precision):
            return folder / name
    raise BundleError(
        f"'{folder}' holds no {precision} ONNX file of its {role}: export the bundle with --{precision}"
    )


def _keep(
    folder: Path, files: dict[str, FileEntry], name: str, plan: EngineBuild, previous: Path | None
) -> str | None:
    """Keep the existing engine or that of the previous bundle; otherwise return the reason for a build."""
    reason = why_build(files.get(name), folder / name, plan)
    if reason is None or previous is None or not previous.is_dir():
        return reason
    try:
        old = Bundle.open(previous)
    except AmganError:
        return "the previous bundle is damaged"
    entry = old.manifest.files.get(name)
    reason = why_build(entry, previous / name, plan)
    if reason is None and entry is not None:
        shutil.copyfile(previous / name, folder / name)
        files[name] = entry
    return reason
