"""What a server accepts and keeps."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class ServeSettings:
    """Limits of a server, and who may talk to it.

    Photos: ``max_photos`` are kept, ``max_photo_bytes`` of memory together, each for ``keep_s`` seconds
    after it was last used. Uploads: ``max_upload_bytes`` for one photo and ``max_uploading_bytes`` for all
    that are on their way; a client whose body comes too slowly for ``idle_s`` seconds, or that reads nothing
    for ``send_s``, is let go, and so is one whose head of a request takes longer than ``idle_s``, or whose
    connection rests for ``keep_alive_s`` between two requests. ``threads`` photos are worked on at a time
    and ``max_waiting`` requests may wait.

    ``token`` is the secret every request must carry, None where none is needed; ``hosts`` are the names,
    apart from IP addresses and localhost, under which the server may be called.
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
    """Options of `amgan age` that say which bundle and device this server uses."""
