"""A pipeline that is a fake, for tests of the command line."""

from __future__ import annotations

import pytest
from command_line import FakePipeline

from amgan.runtime.pipeline import pipeline


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePipeline]:
    monkeypatch.setattr(FakePipeline, "opened", [])
    monkeypatch.setattr(FakePipeline, "requests", [])
    monkeypatch.setattr(FakePipeline, "trouble", None)
    monkeypatch.setattr(pipeline, "Pipeline", FakePipeline)
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)
    return FakePipeline
