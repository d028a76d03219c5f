from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which this module requires."""

def affine(source: NDArray[Any], along: NDArray[Any], starts: NDArray[Any], out: NDArray[Any]) -> None:
    """Write bicubic samples of ``source``, uint8 [H, W, 3], into ``out``, uint8 [h, w, 3].

    Pixel (row, column) of ``out`` is the sample at x = ``along``[0, column] + ``starts``[0, row] of the
    source, and y likewise from the second rows (float64 [2, w] and [2, h]), rounded to steps of 1/32. Edges
    repeat. Each row must be contiguous. Raises ValueError for other arrays and without AVX2 and FMA.
    """

def remap(
    source: NDArray[Any], across: NDArray[Any], down: NDArray[Any], wanted: NDArray[Any], out: NDArray[Any]
) -> None:
    """Like `affine`, at the unrounded positions ``across`` and ``down``, float32 [h, w].

    Where ``wanted``, bool [h, w], is false, ``out`` is not written.
    """

def steps(along: NDArray[Any], starts: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the sums of ``starts`` [h] and ``along`` [w], float64, into ``out``, float32 [h, w].

    They are rounded to steps of 1/32.
    """
