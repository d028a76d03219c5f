from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which this module requires."""

def gather(
    image: NDArray[Any],
    u: NDArray[Any],
    v: NDArray[Any],
    spans: NDArray[Any],
    fine: NDArray[Any],
    coarse: NDArray[Any],
    gain: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write what the generator's first convolution reads of one tile into ``out``.

    ``out`` is bf16 as uint16 [44, h * w]: 11 channels for each pixel of a cell of 2 x 2 px, h = (H - 8) / 2
    by w = (W - 8) / 2 cells.

    ``image`` is uint8 [H, W, 3]; ``u``, ``v`` and ``spans`` (years to change in units of an age span) float32
    [H/4, W/4]; ``fine`` and ``coarse`` the atlas, bf16 as uint16 [rows + 1, columns + 1, 4], its last row and
    column repeated; ``gain`` float32 [8]. Raises ValueError for other arrays and without AVX2 and FMA.
    """

def condition(
    years: NDArray[Any],
    u: NDArray[Any],
    v: NDArray[Any],
    inside: NDArray[Any],
    scale: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write the planes from which SPADE is conditioned into ``out``, bf16 as uint16 [25 or more, h * w].

    All others are float32 [h + 4, w + 4], in cells. The planes: years; u and v; sines of pi, 2, 4, 8 and 16
    pi times u and v, then cosines; inside; scale. Those of u and v are multiplied by ``inside``. Raises
    ValueError for other arrays and without AVX2 and FMA.
    """

def blend(core: NDArray[Any], change: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the aged core of one tile into ``out``, uint8 [H, W, 3].

    ``core`` are the codes, uint8 [H, W, 3]; ``change`` [24, H/2 * W/2], bf16 as uint16, the network's tanh:
    12 planes of the colours of a cell's pixels, and 12 of their attention. Rows of codes may have gaps.
    Raises ValueError for other arrays and without AVX2 and FMA.
    """
