"""How many worker processes there are, where they run, and that their number changes no file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.fake_cuda import FakeCuda
from support.fake_pipeline import photo
from support.helpers import COLLINS, HOPPER
from support.killed_runs import photos_in

from amgan.runtime import BatchSession, Request
from amgan.runtime.batch import processes
from amgan.runtime.batch.workers import ModelChoice
from amgan.runtime.engines import gpus as naming
from amgan.runtime.engines.cuda.api import GpuInfo
from amgan.runtime.errors import UsageError

REQUEST = Request.parse(age=70)


@pytest.mark.parametrize(
    ("workers", "cores", "gpus", "device", "shares"),
    [
        (2, 5, 0, "cpu", [((0, 1), None), ((2, 3, 4), None)]),
        (3, 2, 1, "auto", [((0,), None), ((0,), None), ((1,), None)]),
        (4, 4, 2, "cuda:all", [((0,), 0), ((1,), 1), ((2,), 0), ((3,), 1)]),
        (2, 2, 4, "cuda:all", [((0,), None), ((1,), None)]),
        (3, 3, 4, "cuda:3,1", [((0,), 1), ((1,), 3), ((2,), 1)]),
        (2, 2, 4, "auto", [((0,), 1), ((1,), 1)]),
        (2, 2, 4, "cuda", [((0,), 1), ((1,), 1)]),
        (2, 2, 2, "cuda:1", [((0,), None), ((1,), None)]),
        (2, 2, 2, "cuda:0,9", [((0,), None), ((1,), None)]),
    ],
)
def test_workers_share_cores_and_gpus(
    workers: int, cores: int, gpus: int, device: str, shares: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(processes, "count_visible_gpus", lambda: gpus)
    cuda = FakeCuda(gpus=[GpuInfo(number, "Fake", 89, 1 << 30) for number in range(gpus)])
    monkeypatch.setattr(processes, "load_cuda", lambda: cuda)
    monkeypatch.setattr(naming, "free_gpu_memory", lambda buses: [int(":01:" in bus) for bus in buses])
    places = processes.places_for(workers, device)
    assert [(place.cores, place.gpu) for place in places] == shares
    assert {place.folder for place in places} == {Path.cwd()}


@pytest.mark.parametrize(
    ("device", "photos", "cores", "gpus", "wanted"),
    [
        ("cpu", 10**6, 64, 8, 1),
        ("auto", 10**6, 64, 0, 1),
        ("auto", 10**6, 16, 1, 2),
        ("cuda:0", 10**6, 32, 4, 4),
        ("cuda:all", 10**6, 8, 4, 4),
        ("cuda:0,2", 10**6, 8, 4, 2),
        ("cuda", 10**6, 8, 4, 1),
        ("auto", 10**6, 8, 4, 1),
        ("auto", 2500, 64, 1, 2),
        ("auto", 999, 64, 1, 1),
        ("auto", 10**6, 4, 1, 1),
    ],
)
def test_the_default_number_of_workers(
    device: str, photos: int, cores: int, gpus: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "count_visible_gpus", lambda: gpus)
    monkeypatch.setattr(processes, "count_cores", lambda: cores)
    assert processes.workers_for(device, photos) == wanted


def test_a_worker_that_sees_one_gpu_is_told_no_number() -> None:
    for device, there in (("auto", "auto"), ("cuda:0,2", "cuda"), ("cuda:all", "cuda"), ("cpu", "cpu")):
        assert ModelChoice(None, device, "fp16").on_one() == ModelChoice(None, there, "fp16")


@pytest.mark.slow
def test_one_process_and_two_write_the_same_bytes(tmp_path: Path) -> None:
    """With the pipeline and the weights that ship."""
    (tmp_path / "in").mkdir()
    for number, path in enumerate((HOPPER, COLLINS, HOPPER, COLLINS)):
        picture = Image.open(path).convert("RGB")
        size = (picture.width * (7 + number) // 8, picture.height * (7 + number) // 8)
        ending = (".jpg", ".png", ".webp", ".tif")[number]
        picture.resize(size).save(tmp_path / "in" / f"{number}{ending}", quality=90)
    shutil.copy(HOPPER, tmp_path / "in")
    for number in (1, 2):
        result = BatchSession(
            [tmp_path / "in"], tmp_path / str(number), REQUEST, device="cpu", workers=number
        ).run()
        assert [one.status for one in result.outcomes] == ["aged"] * 5
    written = photos_in(tmp_path / "1")
    assert len(written) == 5 and photos_in(tmp_path / "2") == written


@pytest.mark.parametrize("options", [{"workers": 2}, {"engine": "ray"}])
def test_the_memory_of_one_process_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    for number in range(3):
        photo(tmp_path / "in" / f"{number}.png")
    with pytest.raises(UsageError, match="memory:// is the memory of this process, which other `workers`"):
        BatchSession([tmp_path / "in"], "memory://none", REQUEST, **options).run()
