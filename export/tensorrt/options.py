"""Build options of one engine, and of all engines of a bundle."""

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

    ``inputs``: shape of each input by name, without the batch, which alone is dynamic. ``batch``: smallest,
    optimal and largest batch size. ``precision``: the ONNX file's, "fp16", "bf16" or "fp32".
    ``workspace_mib``: limit of the memory for intermediate results (0: TensorRT's own limit). ``level``:
    TensorRT's optimisation level, 0 to 5. ``timing_cache``: a file that keeps timings for the next build,
    where the flavour supports it. ``portable``: build an engine that runs on all GPUs from Ampere (sm80) on,
    but more slowly; TensorRT itself only.
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
        """Raise UsageError for an invalid value."""
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
    """Options for the engines of a bundle; other fields as in BuildOptions.

    ``cores``: (width, height) in px of tiles without halo. Each gets an engine of the generator; the runtime
    chooses the cheapest for a frame and pads smaller tiles.
    ``batch``: largest batch size, which engines are tuned for; large tiles have smaller batches.
    ``force``: rebuild engines that are up to date.
    ``timing_cache``: None keeps timings in the user's cache folder.
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
