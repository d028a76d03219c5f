"""Event files for TensorBoard, read back record by record."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from amgan.training.loop import Log
from amgan.training.tensorboard import EventFile


def values_in(folder: Path) -> list[tuple[int, Any]]:
    """Step and value of all that the one event file of a folder shows."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    assert file.name.startswith("events.out.tfevents.")
    raw, found = file.read_bytes(), []
    while raw:
        length = struct.unpack("<Q", raw[:8])[0]
        event = Event.FromString(raw[12 : 12 + length])
        found += [(event.step, value) for value in event.summary.value]
        raw = raw[16 + length :]
    return found


def test_numbers_and_pictures_are_on_disk_at_once(tmp_path: Path) -> None:
    events = EventFile(tmp_path / "tensorboard")
    events.numbers(300, {"g/paired": 0.25, "d/age": -3.0})
    events.picture(301, "grid", Image.new("RGB", (64, 20), (9, 8, 7)))
    one, other, grid = values_in(tmp_path / "tensorboard")
    assert [(step, value.tag, value.simple_value) for step, value in (one, other)] == [
        (300, "g/paired", 0.25), (300, "d/age", -3.0),
    ]  # fmt: skip
    assert (grid[0], grid[1].tag) == (301, "grid")
    shown = np.asarray(Image.open(io.BytesIO(grid[1].image.encoded_image_string)))
    assert shown.shape == (20, 64, 3) and (shown == (9, 8, 7)).all()
    events.close()


def test_the_log_shows_the_same_means(tmp_path: Path) -> None:
    events = EventFile(tmp_path / "tensorboard")
    log = Log(tmp_path / "log.jsonl", 2, events)
    log.add(0, {"a": 1.0})
    log.add(1, {"a": 2.0})
    Image.new("RGB", (8, 8)).save(tmp_path / "grid.jpg")
    log.picture(2, tmp_path / "grid.jpg")
    log.close()
    shown = {value.tag: (step, value.simple_value) for step, value in values_in(tmp_path / "tensorboard")}
    assert shown["a"] == (2, 1.5)
    assert set(shown) == {"a", "seconds", "grid"}
