"""L_Loc: the position of a patch on the face as estimated by the discriminator."""

from __future__ import annotations

from torch import Tensor


def position_loss(read: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of patch centres [N, 2], u and v in units of half an atlas."""
    return ((read.float() - true) ** 2).mean()
