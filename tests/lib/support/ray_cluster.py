"""A Ray cluster of this machine, for tests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def ray_cluster() -> Iterator[Any]:
    """Ray with a cluster whose workers inherit this environment, gone afterwards; skips where none can be."""
    ray = pytest.importorskip("ray", reason="pip install 'amgan[ray]'")
    pytest.importorskip("ray.data", reason="pip install 'amgan[ray]'")
    os.environ.setdefault("RAY_worker_niceness", "0")  # on a busy machine they would hardly run
    try:
        ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray raises plain Exceptions
        pytest.skip(f"no Ray cluster can be started here: {error}")
    yield ray
    ray.shutdown()
