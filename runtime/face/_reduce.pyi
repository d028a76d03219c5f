from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA; without them everything else here raises ValueError."""

def area(source: NDArray[Any], out: NDArray[Any]) -> None:
    """Write means of the pixels of ``source``, uint8 [H, W, 3], into ``out``, uint8 [h, w, 3], not larger.

    Pixels that belong to two means are shared between them. Each row must be contiguous. Raises ValueError
    for other arrays and without AVX2 and FMA, and MemoryError.
    """

def blocks(source: NDArray[Any], out: NDArray[Any]) -> None:
    """As `area` for a source that is a whole number of times as large as ``out``, the same number both ways.

    At most 255 times.
    """
