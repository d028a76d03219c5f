"""Settings of a server."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class ServeSettings:
    """Limits and access control of a server.

    Photos: ``max_photos`` are kept, ``max_photo_bytes`` of memory together, each for ``keep_s`` seconds
    after its last use. Uploads: ``max_upload_bytes`` for one photo and ``max_uploading_bytes`` for all
    concurrent ones. A client is disconnected if its body arrives too slowly for ``idle_s`` seconds, the head
    of a request takes longer than ``idle_s``, it reads nothing for ``send_s``, or its connection is idle for
    ``keep_alive_s``. ``threads`` photos are processed concurrently, and ``max_waiting`` requests may be
    queued.

    ``token`` is the secret that every request must have, or None; ``hosts`` are the allowed host names
    besides IP addresses and localhost.
    """

    max_photos: int = 32
    max_photo_bytes: int = 1024 * MIB
    keep_s: float = 30 * 60
    max_upload_bytes: int = 100 * MIB
    max_uploading_bytes: int = 400 * MIB
    max_json_bytes: int = 8 * MIB
    idle_s: float = 20.0
    send_s: float = 60.0
    keep_alive_s: int = 30
    threads: int = 2
    max_waiting: int = 200
    token: str | None = None
    hosts: tuple[str, ...] = ()
    command_options: tuple[str, ...] = ()
    """Options of `amgan age` that select the bundle and device of this server."""
