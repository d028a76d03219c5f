"""Overlaps decoding, engine and encoding: pictures are started while others are computed."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from typing import TypeVar

from ..engines.contract import Capabilities
from .aging import Ager, StartedPicture, finish_picture
from .look import asks_every
from .picture import Picture

LEAST_AHEAD, MOST_AHEAD = 4, 64
MOST_BYTES = 192 << 20
"""Memory limit in bytes for the pixels of the started pictures."""
P = TypeVar("P", bound=Picture)


def pictures_ahead(likes: Capabilities, rate: float, picture_bytes: int) -> int:
    """Number of pictures that are started before the first of them is finished.

    Enough to fill the batches of an engine with the capabilities ``likes``, even if a face takes only one
    tile and the engine runs for only some of the ``rate`` pictures per second; fewer for large pictures.
    """
    wanted = asks_every(rate) * likes.in_flight * likes.batch
    fit = MOST_BYTES // max(picture_bytes, 1)
    return max(min(wanted, fit, MOST_AHEAD), LEAST_AHEAD)


def beginner() -> ThreadPoolExecutor:
    """The thread that starts the pictures of a run, one for all its segments.

    The C library gives each new thread its own arena of the heap, and every arena keeps its peak size.
    """
    return ThreadPoolExecutor(1, "amgan-video-begin")


def aged_pictures(
    pictures: Iterator[tuple[int, int, P]], ager: Ager, seconds: Callable[[int], float], ahead: int,
    thread: Executor,
) -> Generator[tuple[int, int, P], None, None]:  # fmt: skip
    """Yield the aged pictures (number, key, picture) in order.

    ``thread`` (`beginner`) decodes and starts up to ``ahead`` later pictures, so that the engine gets the
    faces of several pictures; the caller's thread finishes them and encodes in between. ``seconds`` returns
    the time of a key. Errors of either thread are raised. Close an unfinished generator to free ``thread``.
    """
    begun: queue.Queue[tuple[int, int, P, StartedPicture] | BaseException | None] = queue.Queue(ahead)
    stop = threading.Event()

    def put(one: tuple[int, int, P, StartedPicture] | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                begun.put(one, timeout=0.1)
                return

    def begin() -> None:
        try:
            for number, key, picture in pictures:
                if stop.is_set():
                    return
                put((number, key, picture, ager.start(number, seconds(key), picture)))
            put(None)
        except BaseException as error:  # the caller raises it
            put(error)

    beginning = thread.submit(begin)
    try:
        while (one := begun.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            number, key, picture, started = one
            finish_picture(started)
            yield number, key, picture
    finally:
        stop.set()
        wait([beginning])
        while not begun.empty():
            left = begun.get_nowait()
            if isinstance(left, tuple):
                left[3].cancel()
