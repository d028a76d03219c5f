"""Supervised terms: the same face at two known ages, and no change off the face."""

from __future__ import annotations

from torch import Tensor


def paired_loss(aged: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of pictures [N, 3, H, W] in -1..1, times 100 (about the variance of a change).

    Squared, not absolute: wrinkles are sparse, and the median of a sparse change is no change.
    """
    return 100.0 * ((aged.float() - wanted) ** 2).mean()


def off_face_loss(change: Tensor, face: Tensor) -> Tensor:
    """Mean squared change α·Δ [N, 3, H, W] where the face's footprint [N, 1, H, W] is 0, times 100."""
    return 100.0 * ((change.float() ** 2) * (1.0 - face)).mean()
