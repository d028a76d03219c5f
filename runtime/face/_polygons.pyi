from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which everything here needs."""

def draw(corners: NDArray[Any], kernel: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the weights of a polygon into ``out``, float32 [h, w], 0..1.

    ``corners`` are float64 [n, 2] (x, y) on a canvas that is wider than ``out`` by the reach of ``kernel``,
    float32 [2 reach + 1] whole numbers, on every side. Raises ValueError for other arrays, for corners that
    are not finite, and on a CPU without what it needs.
    """
