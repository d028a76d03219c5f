"""Batches that callers in several threads share, for networks that see one picture at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class _Waiting:
    """An element of a batch, one array per input, and its result, one array per output."""

    element: Arrays
    result: Future[Arrays] = field(default_factory=Future)


class SharedBatches:
    """Makes a function of batches a function of single elements; thread-safe.

    While one batch is computed, elements of other threads queue up and form the next batch. A single element
    is computed without waiting for others.
    """

    def __init__(self, run: Callable[[Arrays], Arrays], most: int) -> None:
        """``run`` computes a batch of up to ``most`` elements, one call at a time.

        It takes an array [N, ...] per input, and gives one per output.
        """
        self._run, self._most = run, most
        self._turn = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    def __call__(self, *element: NDArray[Any]) -> Arrays:
        """The outputs for one element, an array per input, each of the same shape and type for all elements.

        Raises what ``run`` raises.
        """
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
            inputs = zip(*(one.element for one in batch), strict=True)
            found = self._run(tuple(np.stack(arrays) for arrays in inputs))
            results = [tuple(np.array(output[i]) for output in found) for i in range(len(batch))]
        except BaseException as error:
            for one in batch:
                one.result.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for one, result in zip(batch, results, strict=True):
            one.result.set_result(result)
