"""The best paths through planes of scores, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NOWHERE = np.float32(-1e9)


def best_paths(
    scores: NDArray[np.float32], steps: tuple[float, ...], closed: bool = False
) -> NDArray[np.intp]:
    """The row at each of N places of the path with the largest sum in each of K planes: [K, N].

    ``scores`` [K, N, R]; a path moves by up to ``len(steps) - 1`` rows from place to place, at the cost
    ``steps[rows]``. ``closed`` paths go round: they begin about where they end.
    """
    count, places, rows = scores.shape
    lead = places // 6 if closed else 0
    order = np.arange(-lead, places + lead) % places
    reach = len(steps) - 1
    costs = np.array([steps[abs(move)] for move in range(-reach, reach + 1)], np.float32)[:, None, None]
    moves = np.zeros((len(order), count, rows), np.int8)
    padded = np.full((count, rows + 2 * reach), _NOWHERE, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, rows, axis=1).transpose(1, 0, 2)
    inner = padded[:, reach : reach + rows]
    inner[:] = scores[:, order[0]]
    for number, place in enumerate(order[1:], 1):
        before = windows - costs
        moves[number] = before.argmax(axis=0)
        np.add(before.max(axis=0), scores[:, place], out=inner)
    plane = np.arange(count)
    path = np.zeros((count, len(order)), np.intp)
    path[:, -1] = inner.argmax(axis=1)
    for number in range(len(order) - 1, 0, -1):
        path[:, number - 1] = path[:, number] + moves[number, plane, path[:, number]] - reach
    return path[:, lead : lead + places]
