"""The server of `amgan serve` in a thread of this process, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import uvicorn

from amgan.runtime import Pipeline
from amgan.serving.app import create_app
from amgan.serving.connections import server_config
from amgan.serving.settings import ServeSettings

PATIENCE_S = 600.0  # far more than anything takes; a busy machine must not make a test fail


@dataclass(frozen=True)
class LiveServer:
    """A server that runs, and a client that talks to it."""

    port: int
    client: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, content: bytes, name: str = "photo.png") -> httpx.Response:
        return self.client.post("/v1/photos", params={"name": name}, content=content)

    def connect(self) -> socket.socket:
        """A bare connection, for clients that misbehave."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name
        )


@contextlib.contextmanager
def live_server(
    pipeline: Pipeline, settings: ServeSettings | None = None, port: int = 0
) -> Iterator[LiveServer]:
    """Serve on a port of this machine (0: any) until the block ends."""
    with socket.create_server(("127.0.0.1", port), backlog=256) as listener:
        settings = settings or ServeSettings()
        config = server_config(
            create_app(pipeline, settings), settings, log_level="error", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        found = listener.getsockname()[1]
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{found}", timeout=PATIENCE_S, trust_env=False
            ) as client:
                yield LiveServer(found, client)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)


def wait_until(condition: Callable[[], bool], said: str = "it did not happen") -> None:
    """Wait for something that has to happen, however long this machine takes."""
    end, pause = time.monotonic() + PATIENCE_S, 0.01
    while not condition():
        assert time.monotonic() < end, said
        time.sleep(pause)
        pause = min(1.5 * pause, 0.2)  # asking takes time from what it waits for
