"""What workers share, of this machine and of a cluster: opening a pipeline, and errors that travel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import errors
from ..errors import AmganError

if TYPE_CHECKING:
    from ..pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class ModelChoice:
    """The arguments with which every worker opens its pipeline."""

    model: Path | None
    device: str
    precision: str | None = None

    def open(self) -> Pipeline:
        """Open the pipeline; raises what Pipeline raises."""
        from ..pipeline.pipeline import Pipeline

        return Pipeline(self.model, self.device, self.precision)

    def at(self, precision: str) -> ModelChoice:
        """The same choice at this precision."""
        return replace(self, precision=precision)

    def on_one(self) -> ModelChoice:
        """The same choice in a process that sees only one of the device's GPUs."""
        return self if self.device in ("auto", "cpu") else replace(self, device="cuda")


def wrap_error(error: AmganError) -> dict[str, str]:
    """An error in a form that can be pickled, for `unwrap_error`."""
    return {"error": type(error).__name__, "sentence": str(error)}


def unwrap_error(content: Any) -> Any:
    """Return the content, or raise the error that `wrap_error` made it from."""
    if isinstance(content, dict) and "sentence" in content:
        kind: type[AmganError] = getattr(errors, content["error"], AmganError)
        raise kind(content["sentence"])
    return content
