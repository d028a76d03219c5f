"""Connections: those on which no request comes are closed, so that nobody can hold them all."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .settings import ServeSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_Protocol: Any = AutoHTTPProtocol


def server_config(app: ASGIApp, settings: ServeSettings, **more: Any) -> uvicorn.Config:
    """How uvicorn serves the application; ``more`` are further arguments of its Config."""
    return uvicorn.Config(
        app, access_log=False, server_header=False, lifespan="on",
        http=impatient_protocol(settings.idle_s), timeout_keep_alive=settings.keep_alive_s, **more,
    )  # fmt: skip


def impatient_protocol(idle_s: float) -> Any:
    """Uvicorn's HTTP with a limit on the head of each request, the first included.

    Uvicorn itself only limits the silence between two requests (``timeout_keep_alive``): a connection that
    sends nothing, or one byte of a head now and then, would stay for ever. Bodies have a limit of their own.
    """

    class ImpatientProtocol(_Protocol):  # type: ignore[misc]
        _head_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            _send_at_once(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, error: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(error)

        def _watch(self) -> None:
            """Keep the time of a head that is on its way; there is none while a request is answered."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._unwatch()
            elif self._head_due is None:
                self._head_due = self.loop.call_later(idle_s, self.transport.close)

        def _unwatch(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None

    return ImpatientProtocol


def _send_at_once(transport: asyncio.Transport) -> None:
    """Have small writes leave at once.

    Else the body of an answer waits until the client has acknowledged its head, which takes Linux 40 ms.
    asyncio sees to that only for sockets that were made with their protocol's number; those of
    `socket.create_server` are not.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
