"""Visibility of tile seams: the same face aged as one tile and as many, compared pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from amgan.runtime.ages.request import Request
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler, open_scheduler
from amgan.runtime.pipeline.face_plan import paste_face, plan_work
from amgan.runtime.pipeline.pipeline import Pipeline

from .source import Source

AGE = "70"
CORE_PX = 128


def measure_seams(bundle: Bundle, pipeline: Pipeline, sources: Sequence[Source]) -> list[int]:
    """Largest difference in code values between one tile per face and tiles of CORE_PX px, for each face.

    Both run on the CPU in fp32, so that only the tiling differs. Raises EngineError.
    """
    if not sources:
        return []
    scheduler = open_scheduler(bundle, "cpu", "f32")
    try:
        return [found for one in sources if (found := _difference(scheduler, pipeline, one)) is not None]
    finally:
        scheduler.close()


def _difference(scheduler: FrameScheduler, pipeline: Pipeline, source: Source) -> int | None:
    seen = pipeline.see(source.pixels, "largest")
    if not seen:
        return None
    request, manifest = Request.parse(age=AGE), pipeline.manifest
    likes = scheduler.capabilities
    pictures = []
    for core_px in (seen[0].frame_px, CORE_PX):
        cut = replace(likes, max_core_px=core_px, min_tiles=1)
        work = plan_work(source.pixels, seen[0], request, manifest, cut, source.name)
        out = source.pixels.copy()
        paste_face(out, work, scheduler.submit(work.frame).result(), 1.0)
        pictures.append(out.astype(np.int16))
    return int(np.abs(pictures[0] - pictures[1]).max())
