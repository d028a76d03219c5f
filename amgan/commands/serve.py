"""`amgan serve`: a local web page for ageing photos."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import click

from amgan.commands.options import device_option, model_option
from amgan.commands.output import needs, tell_engine
from amgan.runtime.errors import UsageError

MIB = 2**20


@click.command("serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default="a free one", metavar="PORT",
    help="Port to listen on.",
)  # fmt: skip
@click.option("--open", "open_page", is_flag=True, show_default="off", help="Open the page in the browser.")
@click.option(
    "--token", metavar="SECRET", envvar="AMGAN_TOKEN", show_default="none",
    help="Secret that every request must have; required for other addresses than loopback. Also AMGAN_TOKEN.",
)  # fmt: skip
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", envvar="AMGAN_ALLOW_HOST",
    show_default="localhost and addresses",
    help="Further host name of this server, such as that of a proxy; may be given again. Also "
    "AMGAN_ALLOW_HOST.",
)  # fmt: skip
@click.option(
    "--photos", type=click.IntRange(1), default=32, show_default=True, metavar="N",
    help="Number of photos that are kept in memory.",
)  # fmt: skip
@click.option(
    "--keep", "keep_minutes", type=click.FloatRange(0.1), default=30.0, show_default=True, metavar="MINUTES",
    help="Time for which a photo is kept after its last use.",
)  # fmt: skip
@click.option(
    "--memory", "memory_mib", type=click.IntRange(16), default=1024, show_default=True, metavar="MIB",
    help="Memory limit of all kept photos.",
)  # fmt: skip
@click.option(
    "--max-upload", "upload_mib", type=click.IntRange(1), default=100, show_default=True, metavar="MIB",
    help="Maximum size of an uploaded file.",
)  # fmt: skip
@model_option
@device_option
def command(
    host: str,
    port: int,
    open_page: bool,
    token: str | None,
    hosts: tuple[str, ...],
    photos: int,
    keep_minutes: float,
    memory_mib: int,
    upload_mib: int,
    model: Path | None,
    device: str,
) -> None:
    """Serve a web page for ageing faces with sliders and a brush, and its HTTP API.

    Photos are kept only in memory, and the page loads no external resources. The API is documented at /docs;
    /healthz is the health check, and /metrics has metrics. Press Ctrl-C to stop.

    \b
    Examples:
      amgan serve --open
      amgan serve --port 8000 --keep 5
      AMGAN_TOKEN=secret amgan serve --host 0.0.0.0 --port 8000 --allow-host faces.example.org
    """  # noqa: D301
    if not _is_loopback(host) and not token:
        raise UsageError(f"--host {host} lets other machines in: give a secret that they need with --token")
    with needs("amgan serve", "serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn

        from amgan.runtime.machine import count_cores
        from amgan.serving.settings import ServeSettings
    settings = ServeSettings(
        max_photos=photos,
        keep_s=keep_minutes * 60,
        max_photo_bytes=memory_mib * MIB,
        max_upload_bytes=upload_mib * MIB,
        max_uploading_bytes=4 * upload_mib * MIB,
        threads=max(2, count_cores()),
        token=token,
        hosts=(*(name.lower() for name in hosts), *(() if _is_address(host) else (host.lower(),))),
        command_options=_command_options(model, device),
    )
    from amgan.runtime.pipeline.pipeline import Pipeline
    from amgan.serving.app import create_app
    from amgan.serving.connections import server_config

    with _listen(host, port) as listener, Pipeline(model, device) as pipeline:
        config = server_config(
            create_app(pipeline, settings), settings, log_level="warning", timeout_graceful_shutdown=3
        )
        tell_engine(pipeline.capabilities, device)
        address = _address(host, listener.getsockname()[1])
        server = uvicorn.Server(config)
        with _signals_end(server.handle_exit):
            click.echo(f"AMGAN is at {address}{'?token=…' if token else ''} (Ctrl-C ends it)")
            if open_page:
                click.launch(address + (f"?token={quote(token, safe='')}" if token else ""))
            server.run(sockets=[listener])
    click.echo("stopped")


@contextlib.contextmanager
def _signals_end(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call ``handler`` at SIGINT and SIGTERM; uvicorn handles them only while its loop runs."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise UsageError(f"cannot listen on {host}:{port} ({why}): give another --host or --port") from error


def _address(host: str, port: int) -> str:
    """The address of the page for a local browser."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _command_options(model: Path | None, device: str) -> tuple[str, ...]:
    options = () if model is None else ("--model", str(model))
    return options if device == "auto" else (*options, "--device", device)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
