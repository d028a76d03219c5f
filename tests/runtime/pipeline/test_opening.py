"""Networks of a pipeline: all are opened, and closed again if one of them cannot be."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.errors import EngineError, UsageError
from amgan.runtime.pipeline import opening
from amgan.runtime.pipeline.opening import OpenedNetworks
from amgan.runtime.pipeline.pipeline import Pipeline


def refuse(*_: object) -> object:
    raise EngineError("no estimator")


class Thing:
    """What must be closed: a scheduler of a GPU, for example."""

    capabilities = Capabilities("PyTorch", "cuda:0, cuda:1", "fp32", 64, 2)

    def __init__(self, closed: list[Thing]) -> None:
        self.closed = closed

    def close(self) -> None:
        self.closed.append(self)


def test_all_are_opened_on_the_cpu(tiny_bundle: Path) -> None:
    opened = OpenedNetworks(Bundle.open(tiny_bundle), "cpu")
    opened.wait()
    assert opened.scheduler.capabilities.device == "cpu"
    assert opened.finder is opened.finder
    assert None not in (opened.estimator, opened.parser)
    assert opened.pixels is opened.decoder is opened.encoder is None
    opened.close()


def test_a_pipeline_says_at_once_what_cannot_be_opened_and_closes_the_rest(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Thing] = []
    monkeypatch.setattr(opening, "open_scheduler", lambda *_: Thing(closed))
    monkeypatch.setattr(opening, "_open_estimator", refuse)
    with pytest.raises(EngineError, match="no estimator"):
        Pipeline(tiny_bundle, "cpu")
    assert len(closed) == 1


def test_networks_that_are_being_opened_fail_where_they_are_needed(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Thing] = []
    monkeypatch.setattr(opening, "open_scheduler", lambda *_: Thing(closed))
    monkeypatch.setattr(opening, "_open_estimator", refuse)
    opened = OpenedNetworks(Bundle.open(tiny_bundle), "cpu")
    with Pipeline(opened=opened) as pipeline:
        assert pipeline.capabilities is Thing.capabilities
        for _ in range(2):
            with pytest.raises(EngineError, match="no estimator"):
                pipeline.read_ages(None, None)  # type: ignore[arg-type]
        with pytest.raises(EngineError, match="no estimator"):
            opened.wait()
    opened.close()  # once more is nothing
    assert len(closed) == 1


def test_nothing_is_closed_before_it_is_open(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, closed = threading.Event(), []  # type: ignore[var-annotated]

    def slow(*_: object) -> Thing:
        goes_on.wait()
        return Thing(closed)

    monkeypatch.setattr(opening, "open_scheduler", slow)
    opened = OpenedNetworks(Bundle.open(tiny_bundle), "cpu")
    closing = threading.Thread(target=opened.close)
    closing.start()
    assert closed == []
    goes_on.set()
    closing.join()
    assert len(closed) == 1


def test_a_forked_process_closes_nothing(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Thing] = []
    monkeypatch.setattr(opening, "open_scheduler", lambda *_: Thing(closed))
    opened = OpenedNetworks(Bundle.open(tiny_bundle), "cpu")
    opened.wait()
    here = os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: here + 1)
        opened.close()
    assert closed == []
    opened.close()
    assert len(closed) == 1


def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch, closed: list[Thing]) -> list[tuple[object, ...]]:
    """Networks as on a GPU; returns what is asked for."""
    asked: list[tuple[object, ...]] = []

    def take(*given: object) -> Thing:
        asked.append(given[-2:])
        return Thing(closed)

    monkeypatch.setattr(opening, "may_use_gpu", lambda device: True)
    monkeypatch.setattr(opening, "open_scheduler", lambda *_: Thing(closed))
    monkeypatch.setattr(opening, "_open_estimator", take)
    monkeypatch.setattr(opening, "open_face_networks", take)
    for part in ("open_finder", "open_parser"):
        monkeypatch.setattr(opening, part, lambda networks: networks)
    return asked


def test_on_a_gpu_networks_follow_the_generator(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    asked, bundle = as_on_a_gpu(monkeypatch, closed), Bundle.open(tiny_bundle)
    opened = OpenedNetworks(bundle, "cuda")
    assert opened.finder is opened.parser
    assert None not in (opened.decoder, opened.encoder, opened.pixels)
    assert asked == [(bundle, "cuda:0, cuda:1"), ("PyTorch", "cuda:0, cuda:1")]
    opened.close()
    assert closed == [opened.scheduler, opened.estimator, opened.finder]


def test_on_a_gpu_all_is_closed_if_the_last_cannot_be_opened(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Thing] = []
    as_on_a_gpu(monkeypatch, closed)
    monkeypatch.setattr(opening, "open_parser", refuse)
    with pytest.raises(EngineError, match="no estimator"):
        OpenedNetworks(Bundle.open(tiny_bundle), "cuda")
    assert len(closed) == 3


def test_an_unknown_device_is_refused_before_anything_is_opened(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "open_scheduler", refuse)
    with pytest.raises(UsageError, match="gpu"):
        OpenedNetworks(Bundle.open(tiny_bundle), "gpu")
