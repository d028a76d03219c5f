"""A proxy on this machine that answers nothing and writes down what it was asked for."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RecordingProxy:
    """Where the proxy listens, and the first line of each request that came."""

    port: int
    asked: list[str] = field(default_factory=list)

    def environment(self, home: Path) -> dict[str, str]:
        """The variables of this process with all traffic led to the proxy and another home folder."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("XDG_", "AMGAN_CACHE"))
        }
        address = f"http://127.0.0.1:{self.port}"
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")
        return {**kept, **dict.fromkeys(names, address), "HOME": str(home)}


@contextlib.contextmanager
def recording_proxy() -> Iterator[RecordingProxy]:
    """Listen on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = RecordingProxy(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:  # closed: the block has ended
                    return
                with client, contextlib.suppress(OSError):
                    client.settimeout(600)
                    proxy.asked.append(client.recv(2000).split(b"\r\n")[0].decode("latin-1"))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread
            thread.join()
