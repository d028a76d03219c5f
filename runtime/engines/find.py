"""Finds the TensorRT engines of a bundle that can run on a GPU. Does not need TensorRT."""

from __future__ import annotations

from pathlib import Path

from ..bundle.bundle import Bundle
from ..bundle.engine_files import AMPERE, FLAVOURS, FORMAT, PORTABLE
from ..bundle.manifest import FileEntry
from ..errors import EngineError


def check_engine(entry: FileEntry, flavour: str, version: str, compute_capability: int) -> str | None:
    """The reason why an engine cannot run with this TensorRT on this GPU, one sentence; None if it can.

    ``flavour`` and ``version`` are the import name and ``__version__`` of TensorRT, ``compute_capability`` is
    that of the GPU (86 for 8.6).
    """
    build = entry.build
    if entry.format != FORMAT or build is None:
        return f"it is a file of format {entry.format!r}, not a TensorRT engine: choose another file"
    ours = f"{FLAVOURS.get(flavour, flavour)} {version}"
    theirs = f"{FLAVOURS.get(build.flavour, build.flavour)} {build.version}"
    target = f"sm{compute_capability}"
    again = f"build it again with `amgan export --flavour {flavour} --targets {target}`"
    if build.flavour != flavour:
        return f"it was built by {theirs}, and this machine has {ours}: {again}"
    if build.version != version:
        return f"it was built by {theirs}, and {ours} loads none but its own engines: {again}"
    portable = bool(build.options.get(PORTABLE)) and compute_capability >= AMPERE
    if target not in build.targets and not portable:
        return f"it was built for GPUs of {', '.join(build.targets)}, and this one is {target}: {again}"
    return None


def find_engines(
    bundle: Bundle,
    role: str,
    flavour: str,
    version: str,
    compute_capability: int,
    *,
    precision: str | None = None,
) -> list[tuple[Path, FileEntry]]:
    """The bundle's engines of a role that can run here, and their entries; arguments as of check_engine.

    One engine per tile size, smallest first, all of the precision of the first. Raises EngineError if there
    is none, with the reason for each engine of the role.
    """
    found: dict[tuple[int, int], tuple[Path, FileEntry]] = {}
    reasons = []
    for name, entry in bundle.manifest.files.items():
        if entry.role != role or entry.format != FORMAT or precision not in (None, entry.precision):
            continue
        reason = check_engine(entry, flavour, version, compute_capability)
        if reason is not None:
            reasons.append(f"'{name}' cannot be used, {reason}")
        elif entry.build is not None:
            precision = entry.precision
            found.setdefault(entry.build.profile.size_px, (bundle.path / name, entry))
    if found:
        return [found[width, height] for width, height in sorted(found, key=lambda size: size[0] * size[1])]
    if not reasons:
        what = f"{precision} {role}" if precision else role
        reasons.append(
            f"it has no TensorRT engine of its {what}: "
            f"build one with `amgan export --flavour {flavour} --targets sm{compute_capability}`"
        )
    raise EngineError(f"'{bundle.path}': {'; '.join(reasons)}")
