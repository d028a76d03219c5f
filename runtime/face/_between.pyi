from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which everything here needs."""

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
    columns likewise. Rows of ``plane`` and ``out`` may lie apart. Raises ValueError for other arrays, for
    numbers beyond the plane, and on a CPU without what it needs.
    """
