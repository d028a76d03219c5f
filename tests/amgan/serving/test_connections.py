"""How connections are set up."""

from __future__ import annotations

import socket

import pytest
from support.live_server import live_server

from amgan.runtime import Pipeline
from amgan.serving import connections


def test_an_answer_does_not_wait_for_acknowledgements(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    protocol = connections.AutoHTTPProtocol
    receive = protocol.data_received

    def seen(self: object, data: bytes) -> None:
        connection = self.transport.get_extra_info("socket")  # type: ignore[attr-defined]
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        receive(self, data)

    monkeypatch.setattr(protocol, "data_received", seen)
    with live_server(pipeline) as server:
        assert server.client.get("/healthz").status_code == 200
    assert found and all(found)
