from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which this module requires."""

def between(
    plane: NDArray[Any],
    above: NDArray[Any],
    below: NDArray[Any],
    down: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    across: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write bilinear samples of ``plane``, float32 [H, W], into ``out``, float32 [h, w].

    A row lies between the rows ``above`` and ``below``, int64 [h], at the share ``down``, float32 [h];
    columns likewise. Rows of ``plane`` and ``out`` may have gaps between them. Raises ValueError for other
    arrays, for indices outside the plane, and without AVX2 and FMA.
    """
