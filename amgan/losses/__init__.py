"""The losses of AMGAN, one module per term: L_WGAN, L_Age, L_Loc, L_Cyc, and the supervised ones."""

from .adversarial import critic_loss, generator_loss, gradient_penalty
from .aging_map import aging_map_loss
from .cycle import cycle_loss
from .paired import fine_loss, frame_sides, off_face_loss, paired_loss
from .position import position_loss
from .texture import texture_loss

__all__ = [
    "aging_map_loss",
    "critic_loss",
    "cycle_loss",
    "fine_loss",
    "frame_sides",
    "generator_loss",
    "gradient_penalty",
    "off_face_loss",
    "paired_loss",
    "position_loss",
    "texture_loss",
]
