"""Stores for tests: files of this machine, fsspec's memory, and an object store server of this machine."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image


@contextmanager
def s3_server() -> Iterator[Any]:
    """S3 on a port of this machine, and fsspec's file system for it; skips without moto and s3fs."""
    pytest.importorskip("s3fs", reason="pip install 'amgan[remote]'")
    server_module = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    with mock.patch.dict(os.environ, settings):
        system = fsspec.filesystem("s3", use_listings_cache=False)
        type(system).clear_instance_cache()
        try:
            yield fsspec.filesystem("s3", use_listings_cache=False)
        finally:
            type(system).clear_instance_cache()
            server.stop()


class SharedFileSystem(LocalFileSystem):
    """shared://PATH is a folder of this machine, as other processes see it, too."""

    protocol = "shared"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return super()._strip_protocol(str(path).removeprefix("shared://"))

    @classmethod
    def register(cls) -> None:
        """Let fsspec know the protocol in this process."""
        fsspec.register_implementation("shared", cls, clobber=True)


def new_bucket(system: Any) -> str:
    """URL of an empty bucket of its own, or of a folder in memory; the path of one of this machine."""
    name = f"bucket-{secrets.token_hex(4)}"
    if "file" in system.protocol:
        return f"{system.top}/{name}"
    if system.protocol == "memory":
        return f"memory://{name}"
    system.mkdir(name)
    return f"s3://{name}"


def put_photo(system: Any, url: str, level: int = 100) -> bytes:
    """Put a small PNG of one grey level; level 0 holds no face. Returns its content."""
    content = io.BytesIO()
    Image.fromarray(np.full((8, 6, 3), level, np.uint8)).save(content, "PNG")
    system.pipe_file(url, content.getvalue())
    return content.getvalue()


def level_of(system: Any, url: str) -> int:
    """The grey level of a photo."""
    return int(np.asarray(Image.open(io.BytesIO(system.cat_file(url))))[0, 0, 0])


def names_below(system: Any, url: str) -> set[str]:
    """Names of all files below a folder, the run's own notes left out."""
    top = system._strip_protocol(url) + "/"
    return {one.removeprefix(top) for one in system.find(url) if "/.amgan/" not in one}
