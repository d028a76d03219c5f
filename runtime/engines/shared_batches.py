"""Batches that callers in several threads share, for networks that take one picture per face."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class _Waiting:
    """An element of a batch, and its result."""

    element: NDArray[Any]
    result: Future[NDArray[Any]] = field(default_factory=Future)


class SharedBatches:
    """Makes a function of batches a function of single elements; thread-safe.

    While one batch is computed, elements of other threads queue up and form the next batch. A single element
    is computed without waiting for others.
    """

    def __init__(self, run: Callable[[NDArray[Any]], NDArray[Any]], most: int) -> None:
        """``run`` computes a batch [N, ...] of up to ``most`` elements, one call at a time."""
        self._run, self._most = run, most
        self._turn = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    def __call__(self, element: NDArray[Any]) -> NDArray[Any]:
        """The result for one element, of the same shape and type for all; raises what ``run`` raises."""
        mine = _Waiting(element)
        self._queue.append(mine)
        while not mine.result.done():
            with self._turn:
                if not mine.result.done():
                    self._compute()
        return mine.result.result()

    def _compute(self) -> None:
        """Compute the elements at the head of the queue in the calling thread."""
        batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        try:
            found = self._run(np.stack([one.element for one in batch]))
            results = [np.array(one) for one in found]
        except BaseException as error:
            for one in batch:
                one.result.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for one, result in zip(batch, results, strict=True):
            one.result.set_result(result)
