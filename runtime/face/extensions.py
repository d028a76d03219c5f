"""Loads the optional C extensions if they were built and this CPU supports them."""

from __future__ import annotations

from typing import Any

from ..machine import load_extension


def resample() -> Any:
    """`_resample`, which resamples pixels; None if it is not available."""
    return load_extension(f"{__package__}._resample")


def paste() -> Any:
    """`_paste`, which pastes changes and interpolates displacements; None if it is not available."""
    return load_extension(f"{__package__}._paste")


def reduce() -> Any:
    """`_reduce`, which averages pixels; None if it is not available."""
    return load_extension(f"{__package__}._reduce")


def between() -> Any:
    """`_between`, which resizes planes; None if it is not available."""
    return load_extension(f"{__package__}._between")


def polygons() -> Any:
    """`_polygons`, which draws soft polygons; None if it is not available."""
    return load_extension(f"{__package__}._polygons")
