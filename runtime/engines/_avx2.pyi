from typing import Any

from numpy.typing import NDArray

def usable() -> bool:
    """Whether this CPU has AVX2 and FMA, which this module requires."""

def is_widest() -> bool:
    """Whether this CPU has AVX2 and FMA, and no AVX-512, whose vectors are twice as wide."""

def pack(weights: NDArray[Any], taps: int, out: NDArray[Any]) -> None:
    """Transform the weights of a convolution of ``taps`` x ``taps`` (1, 2 or 3) into ``out``.

    ``weights`` is float32 [outputs, inputs * taps * taps], ``out`` float32 [points * inputs * outputs] with
    1, 16 or 36 points. Raises ValueError for other arrays.
    """

def count_floats(table: NDArray[Any], weights: NDArray[Any], height: int, width: int, threads: int) -> int:
    """The size of the memory that `age` needs for a tile of ``height`` x ``width`` px, in float32.

    0 for a tile that is too small or too large, and for other than 1 to 64 threads. Raises ValueError if the
    generator's ``table`` and ``weights`` do not fit together.
    """

def age(
    table: NDArray[Any],
    weights: NDArray[Any],
    image: NDArray[Any],
    years: NDArray[Any],
    places: NDArray[Any],
    pattern: NDArray[Any],
    gain: NDArray[Any],
    fine: NDArray[Any],
    coarse: NDArray[Any],
    span: float,
    memory: NDArray[Any],
    aged: NDArray[Any],
    threads: int,
) -> None:
    """Write the aged core of a tile into ``aged``, uint8 [H - 2 * halo, W - 2 * halo, 3].

    ``table`` int32 [n, 3] and ``weights`` float32 [m] are the generator (avx2_weights.py). ``image`` is uint8
    [H, W, 3]; ``years`` float32 [H/4, W/4]; ``places`` [4 * H/4, W/4]: u, v, inside and scale; ``pattern``
    [K]; ``gain`` [8]; ``fine`` and ``coarse`` [rows + 1, columns + 1, 4]. ``memory`` [m, n] has at least as
    many numbers as `count_floats` says, of any content. ``threads`` is 1 to 64 and does not change the
    pixels. Releases the GIL. Raises ValueError for other arrays and without AVX2 and FMA.
    """
