"""A pipeline for tests of the batch: it inverts photos, and sees two faces in all that are not black."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.ages.request import Request
from amgan.runtime.bundle.bundle import SHIPPED
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.face.alignment import canonical_frame
from amgan.runtime.face.finder import Face
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.results import AgedFace, AgedPhoto

REQUEST = Request.parse("70", (), "all")


def ages(years: float) -> FaceAges:
    return FaceAges(years, dict.fromkeys(PART_NAMES, years))


def made_up_face(seed: int = 0) -> Face:
    points = np.random.default_rng(seed).uniform(10, 100, (468, 2))
    return Face(points, 0.9, 0.9, canonical_frame(points))


MANIFEST = Manifest.from_dict(json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8")))
FACES = tuple(AgedFace(made_up_face(seed), ages(40), ages(70), 256) for seed in (1, 2))


class FakePipeline:
    """Inverts photos; an all black one holds no face. ``trouble`` is told the number of every start."""

    def __init__(self, trouble: Callable[[int], None] = lambda call: None) -> None:
        self.calls = 0
        self.lock = threading.Lock()
        self.trouble = trouble

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("Fake", "cpu", Precision.FP32, 64, 1, reason="there is nothing else")

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    jpeg_decoder = jpeg_encoder = None

    def start(self, rgb: NDArray[np.uint8], request: Any, label: str) -> Any:
        with self.lock:
            self.calls += 1
            call = self.calls
        self.trouble(call)
        if not rgb.any():
            raise NoFaceError("no face was found")
        return rgb

    def finish(self, started: Any, *, in_place: bool) -> AgedPhoto:
        return AgedPhoto((255 - started).astype(np.uint8), FACES)


class OpenedPipeline(FakePipeline):
    """The fake, opened and closed like the real one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__()

    def __enter__(self) -> OpenedPipeline:
        return self

    def __exit__(self, *what: object) -> None:
        pass


def photo(path: Path, level: int = 100) -> Path:
    """Write a small photo of one grey level; level 0 holds no face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 6, 3), level, np.uint8)).save(path)
    return path


def files_under(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
