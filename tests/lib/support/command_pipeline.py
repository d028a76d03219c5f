"""The pipeline that commands open, as a fake."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.results import AgedPhoto
from support.fake_pipeline import FACES, MANIFEST

TROUBLED = 7


class CommandPipeline:
    """Inverts photos, finds no face in black ones, and remembers how it was opened."""

    opened: list[tuple[Any, str]] = []  # noqa: RUF012
    requests: list[Any] = []  # noqa: RUF012
    trouble: BaseException | None = None

    def __init__(
        self, model: Any = None, device: str = "auto", precision: str | None = None, *, opened: None = None
    ) -> None:
        self.opened.append((model, device))

    def __enter__(self) -> CommandPipeline:
        return self

    def __exit__(self, *what: object) -> None:
        pass

    @property
    def capabilities(self) -> Any:
        return Capabilities("Fake", "cpu", Precision.FP32, 64, 1, reason="there is nothing else")

    @property
    def manifest(self) -> Any:
        return MANIFEST

    jpeg_decoder = jpeg_encoder = None

    def start(self, rgb: Any, request: Any, label: str) -> Any:
        self.requests.append(request)
        if self.trouble is not None and rgb.max() == TROUBLED:
            raise self.trouble
        if not rgb.any():
            raise NoFaceError("no face was found")
        return rgb

    def finish(self, started: Any, *, in_place: bool) -> Any:
        return AgedPhoto((255 - started).astype(np.uint8), FACES[:1])

    def estimate(self, rgb: Any) -> Any:
        if not rgb.any():
            return []
        face = SimpleNamespace(box=(1.0, 2.0, 30.04, 40.0), width_px=29.0)
        return [
            (face, FaceAges(41.26, dict.fromkeys(PART_NAMES, 41.2) | {"forehead": 50.0, "chin": 33.3})),
            (face, FaceAges(9.0, dict.fromkeys(PART_NAMES, 9.0) | {"forehead": 1.0, "chin": 2.0})),
        ]

    def choose(self, rgb: Any, request: Any) -> Any:
        return SimpleNamespace(taken=(), left=(), found=None)
