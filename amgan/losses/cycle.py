"""L_Cyc: cycle consistency of a picture that is aged and aged back."""

from __future__ import annotations

from torch import Tensor


def cycle_loss(returned: Tensor, original: Tensor) -> Tensor:
    """Mean absolute difference of pictures [N, 3, H, W] in -1..1."""
    return (returned.float() - original).abs().mean()
