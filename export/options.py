"""Options of an export."""

from __future__ import annotations

from dataclasses import dataclass

from amgan.runtime.errors import UsageError

from .graphs.precision import dtype_of
from .tensorrt.flavour import AUTO
from .tensorrt.options import EngineOptions

ENGINE_PRECISION = "fp16"
ENGINES = EngineOptions()


@dataclass(frozen=True)
class ExportOptions:
    """Contents of a bundle.

    ``precisions``: those of its ONNX files (fp32 is always included).
    ``targets``: GPU architectures to build engines for ("sm86", ... or "current"; empty: none). Engines also
    need the fp16 files.
    ``flavour``: the TensorRT to build them with.
    ``force``: rebuild engines that are up to date.
    ``engines``: further options of engines, except their precision.
    ``plain``: write the networks as PyTorch exports them, not simplified; fp32 only, for comparison.
    """

    precisions: tuple[str, ...] = ("fp32",)
    targets: tuple[str, ...] = ()
    flavour: str = AUTO
    force: bool = False
    plain: bool = False
    engines: EngineOptions = ENGINES

    def check(self) -> None:
        """Raise UsageError where the options make no sense."""
        for precision in self.precisions:
            dtype_of(precision)
        if not self.targets and (self.force or self.flavour != AUTO or self.engines != ENGINES):
            raise UsageError(
                "a flavour of TensorRT or building by force is about engines: name their targets, too"
            )
        if self.plain and self.written != ("fp32",):
            raise UsageError(
                "the plain graph is written in fp32 only: leave --fp16, --bf16, --fp8 and --targets out"
            )

    @property
    def written(self) -> tuple[str, ...]:
        """The precisions of the ONNX files, fp32 first."""
        wanted = {"fp32", *self.precisions, *([ENGINE_PRECISION] if self.targets else [])}
        return tuple(p for p in ("fp32", "fp16", "bf16", "fp8") if p in wanted)
