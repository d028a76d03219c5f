"""The extensions in C, where they were built and this CPU has what they need."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def resample() -> Any:
    """`_resample`, which cuts and moves pixels; None where it cannot be used."""
    try:
        from . import _resample
    except ImportError:
        return None
    return _resample if _resample.usable() else None


@functools.cache
def paste() -> Any:
    """`_paste`, which pastes changes and places moves; None where it cannot be used."""
    try:
        from . import _paste
    except ImportError:
        return None
    return _paste if _paste.usable() else None
