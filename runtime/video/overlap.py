"""Stages of a video that overlap: pictures are decoded and begun while others are with the engine."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

from .aging import Ager, StartedPicture, finish_picture
from .picture import Picture

AHEAD = 4
"""Pictures that are begun and not finished, besides those that the engine takes at a time."""


def aged_pictures(
    pictures: Iterator[tuple[int, int, Picture]],
    ager: Ager,
    seconds: Callable[[int], float],
    ahead: int = AHEAD,
) -> Iterator[tuple[int, int, Picture]]:
    """The pictures (number, key, picture) in order, aged.

    A thread decodes and begins those to come; the caller's finishes them, and encodes in between. ``seconds``
    tells the time of a key. Raises what either raises; then the thread has ended.
    """
    begun: queue.Queue[tuple[int, int, StartedPicture] | BaseException | None] = queue.Queue(ahead)
    stop = threading.Event()

    def put(one: tuple[int, int, StartedPicture] | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                begun.put(one, timeout=0.1)
                return

    def begin() -> None:
        try:
            for number, key, picture in pictures:
                if stop.is_set():
                    return
                put((number, key, ager.start(number, seconds(key), picture)))
            put(None)
        except BaseException as error:  # the caller raises it
            put(error)

    thread = threading.Thread(target=begin, name="amgan-video-begin", daemon=True)
    thread.start()
    try:
        while (one := begun.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            number, key, started = one
            finish_picture(started)
            yield number, key, started.picture
    finally:
        stop.set()
        thread.join()
        while not begun.empty():
            left = begun.get_nowait()
            if isinstance(left, tuple):
                left[2].cancel()
