"""What several tests of engines share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.engine_helpers import write_fake_engine_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with a fake engine."""
    return write_fake_engine_bundle(tmp_path / "bundle")
