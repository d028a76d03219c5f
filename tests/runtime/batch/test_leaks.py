"""Memory does not grow with the number of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from support.helpers import HOPPER
from support.remembered_faces import RememberingFinder

from amgan.runtime import Pipeline, Request
from amgan.runtime.batch.run import run_batch
from amgan.runtime.batch.task import PhotoTask
from amgan.runtime.storage.location import Location

PHOTOS = 80


def resident_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


def test_a_folder_of_80_photos_leaks_nothing(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RememberingFinder, "remembers", False)
    sources = []
    for number in range(8):
        sources.append(tmp_path / f"{number}.jpg")
        Image.open(HOPPER).convert("RGB").resize((700 + 10 * number, 800)).save(sources[-1], quality=90)
    jobs = [
        PhotoTask(Location.of(sources[n % 8]), Location.of(tmp_path / "out" / f"{n}.jpg"))
        for n in range(PHOTOS)
    ]
    held: list[float] = []
    with Pipeline(tiny_bundle, "cpu", "f32") as pipeline:
        outcomes = run_batch(pipeline, jobs, Request.parse("70"), lambda outcome: held.append(resident_mib()))
    assert {one.status for one in outcomes} == {"aged"}
    later = np.array(held[PHOTOS // 4 :])
    # One photo of these sizes is 1.6 MiB: losing each would show, an allocator that settles does not.
    slope = np.polyfit(np.arange(len(later)), later, 1)[0]
    assert slope < 0.5, f"{slope:.3f} MiB a photo, {later[0]:.0f} to {later[-1]:.0f} MiB"
