"""Networks of a pipeline: all are opened, and closed again if one of them cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.errors import EngineError, UsageError
from amgan.runtime.pipeline import opening
from amgan.runtime.pipeline.opening import Closable, open_networks


def refuse(*_: object) -> object:
    raise EngineError("no estimator")


class Scheduler:
    """A scheduler of a GPU."""

    capabilities = Capabilities("PyTorch", "cuda:0, cuda:1", "fp32", 64, 2)


def test_all_are_opened_on_the_cpu(tiny_bundle: Path) -> None:
    held: list[Closable] = []
    opened = open_networks(Bundle.open(tiny_bundle), "cpu", None, held)
    assert held == [opened.scheduler, opened.estimator, opened.networks]
    assert opened.scheduler.capabilities.device == "cpu"
    opened.scheduler.close()


def test_the_scheduler_is_handed_over_when_the_estimator_cannot_be_opened(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "Estimator", refuse)
    held: list[Closable] = []
    with pytest.raises(EngineError, match="no estimator"):
        open_networks(Bundle.open(tiny_bundle), "cpu", None, held)
    (scheduler,) = held
    scheduler.close()


def test_on_a_gpu_networks_follow_the_generator(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(opening, "may_use_gpu", lambda device: True)
    monkeypatch.setattr(opening, "open_scheduler", lambda *_: Scheduler())
    monkeypatch.setattr(opening, "open_estimator", lambda bundle, device: asked.append((device,)))
    monkeypatch.setattr(opening, "open_face_networks", lambda *given: asked.append(given))
    for part in ("FaceFinder", "HeadParser"):
        monkeypatch.setattr(opening, part, lambda networks: networks)
    held: list[Closable] = []
    opened = open_networks(Bundle.open(tiny_bundle), "cuda", None, held)
    assert opened.decoder is not None and opened.encoder is not None
    assert held[-3:] == [opened.decoder, opened.encoder, opened.pixels]
    assert asked == [("cuda:0, cuda:1",), ("PyTorch", "cuda:0, cuda:1")]


def test_an_unknown_device_is_refused_before_anything_is_opened(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "open_scheduler", refuse)
    with pytest.raises(UsageError, match="gpu"):
        open_networks(Bundle.open(tiny_bundle), "gpu", None, [])
