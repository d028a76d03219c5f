"""Reception of request bodies with limits on size, time and total memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import anyio
from starlette.exceptions import HTTPException

from .problems import RefusedError
from .settings import MIB, ServeSettings

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest


STEP_BYTES = 16 * 1024
"""The amount of a body that must arrive within the timeout."""
T = TypeVar("T")


class Pace:
    """Requires STEP_BYTES of a body, or its end, in every ``idle_s`` seconds."""

    def __init__(self, idle_s: float) -> None:
        """Start the timeout."""
        self._idle_s = idle_s
        self._due = anyio.current_time() + idle_s
        self._fresh = 0

    async def receive(self, part: Awaitable[T]) -> T:
        """The next part of the body; raises HTTPException if it is late."""
        with anyio.CancelScope(deadline=self._due):
            return await part
        raise HTTPException(
            HTTPStatus.REQUEST_TIMEOUT,
            f"less than {STEP_BYTES // 1024} KiB came in {self._idle_s:g} seconds: send it again",
        )

    def came(self, size: int) -> None:
        """Count bytes of the body."""
        self._fresh += size
        if self._fresh >= STEP_BYTES:
            self._fresh = 0
            self._due = anyio.current_time() + self._idle_s


class Uploads:
    """Receives bodies and counts the memory of concurrent ones. Used by one event loop."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._bytes = 0

    @asynccontextmanager
    async def receive(self, request: HttpRequest, limit_bytes: int) -> AsyncIterator[bytearray]:
        """The body of a request; its memory counts until the block ends.

        Raises RefusedError for a body that is empty or too large, and if the total limit is exceeded;
        HTTPException for one that is too slow.
        """
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit_bytes:
            raise _too_large(limit_bytes)
        content, pace = bytearray(), Pace(self._settings.idle_s)
        try:
            chunks = request.stream().__aiter__()
            while (chunk := await pace.receive(anext(chunks, None))) is not None:
                pace.came(len(chunk))
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
