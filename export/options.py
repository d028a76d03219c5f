"""What an export is asked for."""

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
    """What a bundle is to hold.

    ``precisions`` are those of its ONNX files (fp32 is always there); ``targets`` the generations of GPUs to
    build engines for ("sm86", ..., or "current"; empty: no engines), which takes the fp16 files as well;
    ``flavour`` the TensorRT to build them with; ``force`` builds engines again that are up to date, and
    ``engines`` are the further options of engines, but for their precision. ``plain``
    writes the networks as PyTorch exports them, without any simplification: for comparison only, fp32 only.
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
                "the plain graph is written in fp32 only: leave --fp16, --bf16 and --targets out"
            )

    @property
    def written(self) -> tuple[str, ...]:
        """The precisions of the ONNX files, fp32 first."""
        wanted = {"fp32", *self.precisions, *([ENGINE_PRECISION] if self.targets else [])}
        return tuple(p for p in ("fp32", "fp16", "bf16") if p in wanted)
