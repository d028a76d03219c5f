from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has what the extension was compiled for."""

def changes(
    before: NDArray[Any],
    after: NDArray[Any],
    sampling: bytes,
    tables: bytes,
    constants: bytes,
    zigzag: bytes,
    touched: Any,
) -> tuple[bytes, bytes]:
    """Numbers of the blocks that change, uint32 in the scan's order, and int16 [64] that is added to each.

    ``before`` and ``after`` are uint8 [H, W, 3] or [H, W]. ``sampling`` has for each component how many
    blocks of it a unit has down and across, 1 or 2, and ``tables`` its quantization, float32 [8, 8].
    ``constants`` are the matrix of the cosine transform, float64 [8, 8], and the shares of red, green and
    blue in Y, float32 [3]; ``zigzag`` the order in which a block's coefficients are stored. ``touched``, a
    byte a unit, becomes 1 where a block changes. Raises ValueError for other arrays, and MemoryError.
    """
