"""The installed TensorRT, TensorRT itself or TensorRT for RTX, and the GPUs that it can build for.

Both have the same Python interface under another import name; all differences are handled here.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass

from amgan.runtime.bundle.engine_files import FLAVOURS, TARGET
from amgan.runtime.engines.cuda.api import CudaError, load_cuda
from amgan.runtime.engines.tensorrt_library import INSTALL, Library, load_tensorrt
from amgan.runtime.errors import EngineError, MissingDependencyError, UsageError

AUTO = "auto"
CURRENT = "current"
OLDEST_MAJOR = {"tensorrt": 10, "tensorrt_rtx": 1}
EXAMPLES = "sm86,sm89,sm120"
_TARGETS_HELP = f"write current, or generations such as {EXAMPLES}"


@dataclass(frozen=True)
class Flavour(Library):
    """An installed TensorRT, and what it can build."""

    @property
    def ahead(self) -> tuple[str, ...]:
        """Generations of GPUs it can build for without having one ("sm86", ...); empty if it cannot."""
        if not hasattr(self.trt.IBuilderConfig, "num_compute_capabilities"):
            return ()
        names = getattr(getattr(self.trt, "ComputeCapability", None), "__members__", {})
        return tuple(n.lower() for n in names if re.fullmatch(r"SM\d+", n))

    @property
    def has_timing_cache(self) -> bool:
        """Whether timings of one build help the next (TensorRT for RTX compiles on load instead)."""
        return self.name == "tensorrt"


def parse_targets(text: str) -> tuple[str, ...]:
    """Read "current" or "sm86,sm89,sm120"; raises UsageError for anything else."""
    targets = {t.strip().lower() for t in text.split(",") if t.strip()}
    for target in sorted(targets - {CURRENT}):
        if not TARGET.fullmatch(target):
            raise UsageError(f"--targets {text!r}: {target!r} is no generation of GPUs: {_TARGETS_HELP}")
    if not targets or (CURRENT in targets and len(targets) > 1):
        raise UsageError(f"--targets {text!r} is not understood: {_TARGETS_HELP}")
    return _in_order(targets)


def load_flavour(name: str = AUTO, targets: Sequence[str] = ()) -> Flavour:
    """Import a flavour: "tensorrt", "tensorrt_rtx", or "auto" for the one that suits the targets.

    "auto" takes TensorRT for the GPU in this machine where it is installed, else TensorRT for RTX. Raises
    MissingDependencyError when it is not installed, broken or too old, UsageError for another name.
    """
    if name == AUTO:
        here = tuple(targets) == (CURRENT,)
        name = "tensorrt" if here and importlib.util.find_spec("tensorrt") else "tensorrt_rtx"
    if name not in FLAVOURS:
        raise UsageError(f"there is no flavour {name!r} of TensorRT: use auto, {' or '.join(FLAVOURS)}")
    what = f"building {FLAVOURS[name]} engines"
    trt = load_tensorrt(name, what)
    version = str(trt.__version__)
    oldest = OLDEST_MAJOR[name]
    if int(version.partition(".")[0]) < oldest:
        raise MissingDependencyError(f"{what} needs {name} {oldest} or newer, not {version}: {INSTALL[name]}")
    return Flavour(name, version, trt)


def resolve_targets(flavour: Flavour, targets: Sequence[str]) -> tuple[str, ...]:
    """The generations to build for, "current" replaced by that of the GPU in this machine.

    Raises EngineError when there is no GPU, UsageError when the flavour cannot build for a generation here.
    """
    here = current_target()
    if tuple(targets) == (CURRENT,):
        if here is None:
            raise EngineError(
                "--targets current needs an NVIDIA GPU, and none can be reached here (amgan doctor says "
                f"why): name the generations instead, such as --flavour tensorrt_rtx --targets {EXAMPLES}"
            )
        targets = (here,)
    for target in targets:
        if target in flavour.ahead or (flavour.name == "tensorrt" and tuple(targets) == (here,)):
            continue
        can = f"it can for {', '.join(flavour.ahead)}" if flavour.ahead else "only for the GPU it runs on"
        other = next(name for name in FLAVOURS if name != flavour.name)
        raise UsageError(
            f"{flavour} cannot build for {target} here, {can}: change --targets, or try --flavour {other}"
        )
    return _in_order(set(targets))


def current_target() -> str | None:
    """Generation of the GPU that CUDA uses first, such as "sm86"; None where there is none to ask."""
    try:
        gpus = load_cuda().gpus()
    except (CudaError, MissingDependencyError):
        return None
    return f"sm{gpus[0].compute}" if gpus else None


def _in_order(targets: set[str]) -> tuple[str, ...]:
    return tuple(sorted(targets, key=lambda t: (len(t), t)))
