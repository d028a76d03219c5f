"""TensorRT's messages and progress during a build."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Protocol

from amgan.runtime.engines.tensorrt_library import first_reason, make_log

__all__ = ["Log", "Progress", "first_reason", "make_log", "make_monitor", "out_of_memory"]

Progress = Callable[[str], None]
EVERY_S = 2.0
_MEMORY = re.compile(
    r"out ?of ?memory|bad_alloc|cudaErrorMemoryAllocation|insufficient memory|workspace limit", re.IGNORECASE
)


class Log(Protocol):
    """Remembers TensorRT's errors."""

    errors: list[str]


def make_monitor(trt: Any, label: str, progress: Progress) -> Any:
    """A progress monitor that reports at most every EVERY_S; None where TensorRT has no such interface.

    Its ``interrupted`` becomes true on Ctrl-C, which ends the build.
    """
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.interrupted = False
            self._steps: dict[str, int] = {}
            self._said = time.monotonic()

        # TensorRT calls these from C++ (and other threads), where nothing may be raised.
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                now = time.monotonic()
                if now - self._said >= EVERY_S:
                    self._said = now
                    total = self._steps.get(phase_name, 0)
                    progress(f"{label}: {phase_name}, {min(step + 1, total)} of {total}")
            except KeyboardInterrupt:
                self.interrupted = True
            except Exception:
                return not self.interrupted
            return not self.interrupted

    return Monitor()


def out_of_memory(errors: list[str]) -> bool:
    """Whether TensorRT's errors say that memory ran out."""
    return any(_MEMORY.search(error) for error in errors)
