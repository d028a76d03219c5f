"""Cutting faces out of photos and pasting their changes: what is done, and on the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .paste import paste_change
from .tone import Tone
from .warp import sample_affine


@dataclass(frozen=True, eq=False)
class Cut:
    """The arguments of sample_affine."""

    rgb: NDArray[np.uint8]
    to_source: NDArray[np.float64]
    size_px: tuple[int, int]
    out: NDArray[np.uint8] | None = None

    def sample(self) -> NDArray[np.uint8]:
        """Sample on the CPU."""
        return sample_affine(self.rgb, self.to_source, self.size_px, self.out)


@dataclass(frozen=True, eq=False)
class Change:
    """The arguments of paste_change.

    ``photo`` is the photo, uint8 [H, W, 3], without any change, if it is known.
    """

    frame: Frame
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    mask: NDArray[np.float32]
    strength: float
    tone: Tone
    photo: NDArray[np.uint8] | None = None

    def paste(self, out: NDArray[np.uint8]) -> None:
        """Paste it into a photo, uint8 [H, W, 3], on the CPU."""
        paste_change(
            out, self.frame, self.before, self.after, self.mask, strength=self.strength, tone=self.tone
        )


class CpuPixels:
    """Samples photos and pastes changes on the CPU."""

    def sample(self, cut: Cut) -> NDArray[np.uint8]:
        """See sample_affine."""
        return cut.sample()

    def paste(self, out: NDArray[np.uint8], change: Change) -> None:
        """See paste_change."""
        change.paste(out)

    def close(self) -> None:
        """Free what is held outside this process's memory: nothing."""


CPU_PIXELS = CpuPixels()
