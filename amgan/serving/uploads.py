"""Bodies of requests: bounded in size, in time, and all together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio

from .problems import RefusedError
from .settings import MIB, ServeSettings

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest


class Uploads:
    """Receives bodies, and counts the memory of all that are on their way. Used by one event loop."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._bytes = 0

    @asynccontextmanager
    async def receive(self, request: HttpRequest, limit_bytes: int) -> AsyncIterator[bytearray]:
        """The body of a request; its memory counts until the block ends.

        Raises RefusedError for one that is empty, too large or stands still, and where too much is coming.
        """
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit_bytes:
            raise _too_large(limit_bytes)
        content = bytearray()
        try:
            chunks = request.stream().__aiter__()
            while True:
                with anyio.move_on_after(self._settings.idle_s) as waiting:
                    chunk = await anext(chunks, None)
                if waiting.cancelled_caught:
                    raise RefusedError(
                        HTTPStatus.REQUEST_TIMEOUT,
                        f"nothing came for {self._settings.idle_s:g} seconds: send it again",
                    )
                if chunk is None:
                    break
                if len(content) + len(chunk) > limit_bytes:
                    raise _too_large(limit_bytes)
                if self._bytes + len(chunk) > self._settings.max_uploading_bytes:
                    raise RefusedError(
                        HTTPStatus.SERVICE_UNAVAILABLE,
                        "too much is being sent to this server: try again in a moment",
                    )
                content += chunk
                self._bytes += len(chunk)
            if not content:
                raise RefusedError(HTTPStatus.BAD_REQUEST, "nothing was sent: send the bytes of the file")
            yield content
        finally:
            self._bytes -= len(content)


def _too_large(limit_bytes: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the file is larger than the {limit_bytes / MIB:.0f} MiB that this server takes: make it smaller",
    )
