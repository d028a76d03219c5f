"""Pictures of a shot that are with the engine together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made_videos import moving, planes_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.device import PlacedTile
from amgan.runtime.engines.scheduler.host import HostTileDevice
from amgan.runtime.video.overlap import LEAST_AHEAD, MOST_AHEAD, pictures_ahead
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

ASKED = VideoRequest.parse(Request(include_children=True), "75")
BATCH = 4
LIKES = Capabilities("an engine", "a device", Precision.FP32, 256, 1)


class BatchingDevice(HostTileDevice):
    """One slot of BATCH tiles; the first batch is not done before BATCH frames more have come."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(OpenVinoEngine(bundle, "f32"), bundle.manifest.halo_px)
        self._capabilities = replace(self._capabilities, in_flight=1, batch=BATCH, min_tiles=1)
        self.batches: list[set[str]] = []
        self.frames, self.enough = 0, threading.Event()

    @property
    def slots(self) -> int:
        return 1

    def begin_frame(self, work: Any) -> Any:
        self.frames += 1
        if self.frames > BATCH:
            self.enough.set()
        return super().begin_frame(work)

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        self.batches.append({tile.frame.work.label for tile in tiles})
        return super().gather(slot, tiles)

    def wait(self, slot: int) -> None:
        assert self.enough.wait(120.0), "the engine got too few pictures to fill a batch"
        super().wait(slot)


def test_a_batch_holds_faces_of_several_pictures(
    pipeline: Pipeline, tiny_bundle: Path, hopper: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_video(tmp_path / "in.mkv", moving(hopper, 20))
    bundle = Bundle.open(tiny_bundle)
    device = BatchingDevice(bundle)
    monkeypatch.setattr("amgan.runtime.engines.choose.choose_devices", lambda *_: [device])
    with Pipeline(bundle) as batching:
        VideoSession(clip, tmp_path / "batches.mkv", ASKED).run(batching)
    assert len(device.batches[0]) == 1
    assert len(device.batches[1]) == BATCH  # one tile each of so many pictures
    VideoSession(clip, tmp_path / "single.mkv", ASKED).run(pipeline)
    both = planes_of(tmp_path / "batches.mkv"), planes_of(tmp_path / "single.mkv")
    for one, other in zip(*both, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize(
    ("in_flight", "batch", "rate", "picture_bytes", "ahead"),
    [
        (3, 1, 25.0, 3 << 20, 9),
        (1, 1, 25.0, 3 << 20, LEAST_AHEAD),
        (2, 8, 25.0, 3 << 20, 48),
        (2, 32, 25.0, 3 << 20, MOST_AHEAD),
        (2, 32, 25.0, 24 << 20, 8),
        (2, 32, 25.0, 1 << 30, LEAST_AHEAD),
        (3, 1, 50.0, 0, 18),
    ],
)
def test_how_many_pictures_are_begun(
    in_flight: int, batch: int, rate: float, picture_bytes: int, ahead: int
) -> None:
    assert pictures_ahead(replace(LIKES, in_flight=in_flight, batch=batch), rate, picture_bytes) == ahead
