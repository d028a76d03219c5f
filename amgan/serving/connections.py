"""Timeouts of idle connections, so that a client cannot occupy all of them."""

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
    """The configuration of uvicorn; ``more`` are further arguments of its Config."""
    return uvicorn.Config(
        app, access_log=False, server_header=False, lifespan="on",
        http=impatient_protocol(settings.idle_s), timeout_keep_alive=settings.keep_alive_s, **more,
    )  # fmt: skip


def impatient_protocol(idle_s: float) -> Any:
    """Uvicorn's HTTP protocol with a timeout for the head of each request, the first included.

    Uvicorn itself only limits the time between two requests (``timeout_keep_alive``): a connection that sends
    nothing, or a head very slowly, would stay open forever. Bodies have a separate timeout.
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
            """Start the timeout of a request's head; there is none while a request is answered."""
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
    """Set TCP_NODELAY, so that small writes are sent immediately.

    Otherwise the body of an answer waits until the client acknowledges its head, 40 ms on Linux. asyncio sets
    the option only for sockets that were created with an explicit protocol number, unlike those of
    `socket.create_server`.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
