"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_server import LiveServer, live_server

from amgan.runtime import Pipeline


@pytest.fixture(scope="module")
def pipeline(tiny_bundle: Path) -> Iterator[Pipeline]:
    """A pipeline on the tiny bundle, opened as the command line does."""
    with Pipeline(tiny_bundle, "cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(pipeline: Pipeline) -> Iterator[LiveServer]:
    with live_server(pipeline) as running:
        yield running
