"""The choice of a face's pattern of lines and folds: a mixture determined by the face's proportions.

A bundle holds K patterns. Six proportions of the mesh, standardised over many portraits, determine the mixing
weights, continuously: similar faces get similar mixtures. The choice makes no statement about the person.

All steps are in float64 and in one order, without exp, so that the C library computes the same numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

MAX_PATTERNS = 8
"""The number of rows of the 8x8 Hadamard matrix."""
USUAL = (
    # Mean and standard deviation over 1,545 portraits of all ages, heads turned by 0.4 at most.
    (0.8527, 0.0279),  # width to height
    (0.4623, 0.0158),  # distance of the eyes to width
    (0.4083, 0.0567),  # width of the mouth to width
    (0.1522, 0.0158),  # brow above eye to height
    (0.3145, 0.0169),  # length of the nose to height
    (0.7999, 0.0211),  # width of the jaw to width
)
FARTHEST = 3.0
"""Standard deviations at which a proportion is clipped."""
SHARPNESS = 3
"""The exponent of the scores: the higher, the more one pattern dominates."""
SIGN_COLUMNS = (1, 2, 7, 5, 3, 6)
"""Columns of the 8x8 Hadamard matrix: the weight of a proportion for pattern n. In this order four patterns
dominate about equally often."""


def choose_pattern(landmarks_unit: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """Mixing weights float32 [count], sum 1, for a face with landmarks [468, 2] in frame units.

    Raises UsageError for a ``count`` outside 1..MAX_PATTERNS.
    """
    check_count(count)
    proportions = [
        min(max((value - usual) / spread, -FARTHEST), FARTHEST)
        for value, (usual, spread) in zip(_proportions(landmarks_unit), USUAL, strict=True)
    ]
    powers = []
    for number in range(count):
        score = 0.0
        for column, value in zip(SIGN_COLUMNS, proportions, strict=True):
            score += value if (number & column).bit_count() % 2 == 0 else -value
        score *= 0.5
        rising = score + math.sqrt(score * score + 1.0)  # exp(asinh(score))
        power = 1.0
        for _ in range(SHARPNESS):
            power *= rising
        powers.append(power)
    total = 0.0
    for power in powers:
        total += power
    return np.array([power / total for power in powers], np.float32)


def one_pattern(number: int, count: int) -> NDArray[np.float32]:
    """Mixing weights float32 [count] of one pattern alone, numbered from 1.

    Raises UsageError if it does not exist.
    """
    check_count(count)
    if not 1 <= number <= count:
        raise UsageError(f"there is no pattern {number}: this bundle has the patterns 1 to {count}")
    weights = np.zeros(count, np.float32)
    weights[number - 1] = 1.0
    return weights


def check_count(count: int) -> None:
    """Raise UsageError unless ``count`` is in 1..MAX_PATTERNS."""
    if not 1 <= count <= MAX_PATTERNS:
        raise UsageError(f"{count} patterns cannot be: 1 to {MAX_PATTERNS} are known")


def _proportions(landmarks_unit: NDArray[np.floating]) -> tuple[float, ...]:
    """The proportions in the order of USUAL."""
    points = np.asarray(landmarks_unit, np.float64)[:, :2].tolist()

    def between(one: tuple[int, ...], other: tuple[int, ...]) -> float:
        x, y = (_mean(points, one, axis) - _mean(points, other, axis) for axis in (0, 1))
        return math.sqrt(x * x + y * y)

    height = max(between((10,), (152,)), 1e-9)
    width = max(between((234,), (454,)), 1e-9)
    return (
        width / height,
        between((33, 133), (362, 263)) / width,
        between((61,), (291,)) / width,
        between((105, 334), (33, 133, 362, 263)) / height,
        between((168,), (2,)) / height,
        between((172,), (397,)) / width,
    )


def _mean(points: list[list[float]], numbers: tuple[int, ...], axis: int) -> float:
    total = 0.0
    for number in numbers:
        total += points[number][axis]
    return total / len(numbers)
