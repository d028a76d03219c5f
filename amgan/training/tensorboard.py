"""TensorBoard event files with metrics and pictures of a run, by tensorboardX."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class EventFile:
    """Appends events to a new file in a folder; each is flushed when the call returns.

    tensorboardX's SummaryWriter is not used, as it writes events in a thread.
    """

    def __init__(self, folder: Path) -> None:
        """Create a new file next to those of earlier parts of the run."""
        from tensorboardX.event_file_writer import EventsWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers by name."""
        from tensorboardX.summary import scalar

        for name, value in values.items():
            self._add(step, scalar(name, value))
        self._writer.flush()

    def picture(self, step: int, name: str, picture: Image.Image) -> None:
        """Add an RGB picture."""
        from tensorboardX.summary import image

        self._add(step, image(name, np.asarray(picture.convert("RGB")), dataformats="HWC"))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _add(self, step: int, summary: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))
