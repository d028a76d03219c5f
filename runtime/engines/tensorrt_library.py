"""Importing TensorRT or TensorRT for RTX, and a logger for them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..bundle.engine_files import FLAVOURS
from ..errors import MissingDependencyError

INSTALL: Mapping[str, str] = {
    "tensorrt": "pip install 'tensorrt>=10,<12'",
    "tensorrt_rtx": "pip install 'amgan[tensorrt]'",
}


_NO_GPU = re.compile(r"cudaError 35|CUDA driver version is insufficient|Begin node|End node|no CUDA-capable")
_PLACE = re.compile(r"\s*In \w+ at \S+:\d+|^\S+\.cpp:\d+:\s*|^\[\S+::\S+::\d+\]\s*")
_LONGEST = 300


@dataclass(frozen=True)
class Library:
    """An installed TensorRT: import name, full version, module."""

    name: str
    version: str
    trt: Any

    def __str__(self) -> str:
        return f"{FLAVOURS[self.name]} {self.version}"


def load_tensorrt(flavour: str, what: str = "") -> Any:
    """Import a TensorRT by its import name; raises MissingDependencyError if that fails.

    ``what`` is the feature that needs it, for the error message; by default the engine.
    """
    what = what or f"the {FLAVOURS[flavour]} engine"
    try:
        return importlib.import_module(flavour)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{what} needs the package {error.name or flavour}, which is not installed: {INSTALL[flavour]}"
        ) from error
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise MissingDependencyError(
            f"{what} needs {flavour}, which is installed but cannot be loaded ({reason}): {INSTALL[flavour]}"
        ) from error


def make_log(trt: Any) -> Any:
    """A logger for TensorRT that collects errors in its list ``errors`` instead of printing them."""

    class Keeper(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)

    return Keeper()


def first_reason(errors: list[str]) -> str:
    """The first meaningful error, on one line and without locations in TensorRT's sources."""
    for error in errors:
        for line in error.splitlines():
            if not _NO_GPU.search(line) and (text := _PLACE.sub("", line).strip(" .")):
                return text[:_LONGEST]
    return "it gave no reason"
