"""L_Loc: where in the frame the discriminator thinks a patch lies against where it does."""

from __future__ import annotations

from torch import Tensor


def position_loss(read: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of patch centres [N, 2], X and Y in -1..1."""
    return ((read.float() - true) ** 2).mean()
