"""A pipeline that is a fake, for tests of the command line."""

from __future__ import annotations

import pytest
from support.command_pipeline import CommandPipeline

from amgan.runtime.pipeline import opening, pipeline


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[CommandPipeline]:
    monkeypatch.setattr(CommandPipeline, "opened", [])
    monkeypatch.setattr(CommandPipeline, "requests", [])
    monkeypatch.setattr(CommandPipeline, "trouble", None)
    monkeypatch.setattr(pipeline, "Pipeline", CommandPipeline)
    monkeypatch.setattr(opening, "begin_networks", lambda model, device: None)
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)
    return CommandPipeline
