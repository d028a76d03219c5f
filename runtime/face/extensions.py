"""The extensions in C, where they were built and this CPU has what they need."""

from __future__ import annotations

import functools
import importlib
from typing import Any


def resample() -> Any:
    """`_resample`, which cuts and moves pixels; None where it cannot be used."""
    return _usable("_resample")


def paste() -> Any:
    """`_paste`, which pastes changes and places moves; None where it cannot be used."""
    return _usable("_paste")


def reduce() -> Any:
    """`_reduce`, which averages pixels; None where it cannot be used."""
    return _usable("_reduce")


def between() -> Any:
    """`_between`, which resizes planes; None where it cannot be used."""
    return _usable("_between")


@functools.cache
def _usable(name: str) -> Any:
    try:
        extension = importlib.import_module(f".{name}", __package__)
    except ImportError:
        return None
    return extension if extension.usable() else None
