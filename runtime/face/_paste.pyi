from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which this module requires."""

def change(
    before: NDArray[Any],
    after: NDArray[Any],
    mask: NDArray[Any],
    bright: NDArray[Any],
    dark: NDArray[Any],
    strength: float,
    out: NDArray[Any],
) -> None:
    """Write (``after`` - ``before``) * exposure * ``strength`` * ``mask``, and the mask, into ``out``.

    ``before`` and ``after`` are uint8 [h, w, 3], ``mask`` float32 [h, w], ``out`` float32 [h, w, 4]. The
    exposure weight is ``bright`` of the middle channel of ``before`` times ``dark`` of its largest, float32
    [256] each. Each row must be contiguous. Raises ValueError for other arrays and without AVX2 and FMA.
    """

def add(change: NDArray[Any], along: NDArray[Any], starts: NDArray[Any], out: NDArray[Any]) -> None:
    """Add bilinear samples of ``change``, float32 [H, W, 4], to ``out``, uint8 [h, w, 3].

    Only where the fourth channel of the sample is above 0; the others are rounded first, half to even.
    Positions are those of `_resample.affine`; outside it the change is 0.
    """

def places(
    moves: NDArray[Any],
    along: NDArray[Any],
    starts: NDArray[Any],
    left: int,
    top: int,
    least_px: float,
    across: NDArray[Any],
    down: NDArray[Any],
    wanted: NDArray[Any],
) -> None:
    """Write the source positions of the pixels of a part of a photo: ``across`` and ``down``, float32 [h, w].

    The part begins at ``left``, ``top``. ``moves`` float32 [n + 4, n + 4, 2] are the displacements in px of n
    x n grid points; the two outermost rows and columns must be 0. They are sampled bilinearly at the
    positions of `_resample.affine`, relative to the first of the n. ``wanted``, bool [h, w], receives whether
    one of both displacements is ``least_px`` or more.
    """
