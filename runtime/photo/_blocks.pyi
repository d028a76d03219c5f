from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has the instructions that the extension was compiled for."""

def changes(
    before: NDArray[Any],
    after: NDArray[Any],
    sampling: bytes,
    tables: bytes,
    constants: bytes,
    zigzag: bytes,
    touched: Any,
) -> tuple[bytes, bytes]:
    """Indices of the changed blocks, uint32 in scan order, and the int16 [64] that is added to each.

    ``before`` and ``after`` are uint8 [H, W, 3] or [H, W]. ``sampling`` has the number of blocks per unit of
    each component down and across, 1 or 2, and ``tables`` its quantization, float32 [8, 8]. ``constants`` are
    the matrix of the cosine transform, float64 [8, 8], and the weights of red, green and blue in Y, float32
    [3]; ``zigzag`` is the order in which a block's coefficients are stored. ``touched``, a byte per unit,
    becomes 1 where a block changes. Raises ValueError for other arrays, and MemoryError.
    """
