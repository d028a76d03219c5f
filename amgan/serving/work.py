"""The queue of requests, and cancellation of those of disconnected clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from .problems import RefusedError
from .settings import ServeSettings

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

    from amgan.runtime.pipeline.pipeline import Pipeline
    from amgan.runtime.pipeline.results import AgedPhoto, StartedPhoto

P = ParamSpec("P")
T = TypeVar("T")


class ClientGoneError(Exception):
    """The client disconnected before its answer was ready."""


class WorkDesk:
    """Runs functions in a few threads, first in, first out."""

    def __init__(self, settings: ServeSettings) -> None:
        self._limiter = anyio.CapacityLimiter(settings.threads)
        self._max_waiting = settings.max_waiting

    @property
    def waiting(self) -> int:
        """The number of queued functions."""
        return self._limiter.statistics().tasks_waiting

    @property
    def working(self) -> int:
        """The number of running functions."""
        return self._limiter.borrowed_tokens

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread; it is not called if it is cancelled while queued.

        Raises RefusedError if the queue is full, and what the function raises.
        """
        if self.waiting >= self._max_waiting:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._max_waiting} requests are waiting already: try again in a moment",
            )
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)

    async def age(self, pipeline: Pipeline, start: Callable[[], StartedPhoto]) -> AgedPhoto:
        """Start a photo in a thread, wait for the engine without one, and paste in a thread.

        Cancellation discards tiles that the engine has not begun.
        """
        started = await self.run(start)
        try:
            await asyncio.gather(*(asyncio.wrap_future(frame) for frame in started.frames))
            return await self.run(pipeline.finish, started)
        except BaseException:
            started.cancel()
            raise


async def unless_gone(request: HttpRequest, work: Awaitable[T]) -> T:
    """The result of ``work``; cancels it and raises ClientGoneError if the client disconnects.

    The watcher is an asyncio task, not part of an anyio task group: a cancelled group keeps the exception and
    the objects in its frames alive until the next garbage collection.
    """
    with anyio.CancelScope() as scope:
        watch = asyncio.create_task(_cancel_when_gone(request, scope))
        try:
            return await work
        finally:
            watch.cancel()
    raise ClientGoneError


async def _cancel_when_gone(request: HttpRequest, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
