"""What to build: the options of one engine, and those of a bundle's engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amgan.runtime.engines.cuda.program import CORES
from amgan.runtime.engines.tiles import Size
from amgan.runtime.errors import UsageError

from .check import TYPES
from .flavour import AUTO, CURRENT

LEVELS = range(6)


@dataclass(frozen=True)
class BuildOptions:
    """How to build one engine.

    ``inputs`` maps each input's name to its shape without the batch; only the batch stays open, from the
    smallest over the best to the largest of ``batch``. ``precision`` ("fp16", "bf16", "fp32") is what the
    ONNX file must be. ``workspace_mib`` limits the memory of the engine's intermediate results (0:
    TensorRT's own limit), ``level`` is TensorRT's optimisation level, 0 to 5. ``timing_cache`` is a file that
    keeps timings for the next build, where the flavour has such a thing. ``portable`` builds an engine that
    runs on every generation of GPUs from Ampere (sm80) on, more slowly: for TensorRT itself only.
    """

    inputs: Mapping[str, tuple[int, ...]]
    flavour: str = AUTO
    targets: tuple[str, ...] = (CURRENT,)
    precision: str = "fp16"
    batch: tuple[int, int, int] = (1, 8, 8)
    workspace_mib: int = 0
    level: int = 3
    timing_cache: Path | None = None
    portable: bool = False

    def check(self) -> None:
        """Raise UsageError where a value makes no sense."""
        low, best, high = self.batch
        if not 0 < low <= best <= high:
            raise UsageError(f"the batch sizes {self.batch} must be above 0 and go up")
        if self.precision not in TYPES:
            raise UsageError(f"there is no precision {self.precision!r}: use {', '.join(TYPES)}")
        if self.level not in LEVELS:
            raise UsageError(f"the optimisation level must be 0 to {LEVELS[-1]}, not {self.level}")
        if self.workspace_mib < 0:
            raise UsageError(f"the workspace cannot be {self.workspace_mib} MiB")
        if self.portable and self.flavour == "tensorrt_rtx":
            raise UsageError(
                "TensorRT for RTX has no hardware compatibility: name all generations as --targets instead"
            )


@dataclass(frozen=True)
class EngineOptions:
    """What to build for a bundle; the rest as in BuildOptions.

    ``cores`` are widths and heights of tiles without their halo, in px, each of which gets an engine of the
    generator; the
    runtime takes the one that costs least for a frame, and fills tiles up that are smaller. ``batch`` is the
    most tiles of a batch, and what engines are tuned for; large tiles have smaller ones. ``force`` builds
    engines that are up to date, too. ``timing_cache`` None keeps timings in the user's cache folder.
    """

    precision: str = "fp16"
    cores: tuple[Size, ...] = CORES
    batch: int = 8
    workspace_mib: int = 0
    level: int = 3
    force: bool = False
    timing_cache: Path | None = None
    portable: bool = False

    def for_network(
        self, inputs: Mapping[str, tuple[int, ...]], flavour: str, targets: tuple[str, ...], batch: int
    ) -> BuildOptions:
        """The options for one network with these inputs, in batches of up to ``batch``."""
        return BuildOptions(
            inputs=inputs,
            flavour=flavour,
            targets=targets,
            precision=self.precision,
            batch=(1, batch, batch),
            workspace_mib=self.workspace_mib,
            level=self.level,
            timing_cache=self.timing_cache,
            portable=self.portable,
        )
