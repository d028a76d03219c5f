"""The batch on a local Ray cluster with two workers gives what one process gives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import files_under
from helpers import COLLINS, HOPPER
from PIL import Image
from ray_cluster import ray_cluster

from amgan.runtime import Pipeline
from amgan.runtime.ages.request import Request
from amgan.runtime.batch.ray_runner import ModelChoice, RayRunner
from amgan.runtime.batch.report import report_line
from amgan.runtime.batch.run import BatchOptions, Ledger, LocalRunner, Outcome, Runner, plan_batch
from amgan.runtime.errors import BundleError, EngineError, MissingDependencyError, UsageError
from amgan.runtime.files import file_sha256

WISH = Request.parse("70", include_children=True)


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A cluster of two CPUs on this machine, gone afterwards."""
    with ray_cluster() as module:
        yield module


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos, one of them without a face, and two files that are none."""
    folder = tmp_path_factory.mktemp("ray") / "in"
    (folder / "sub").mkdir(parents=True)
    for number in range(11):
        path = folder / ("sub" if number % 2 else ".") / f"{number:02}é.jpg"
        picture = Image.open((HOPPER, COLLINS)[number % 2]).convert("RGB")
        picture.resize((220 + 5 * number, 240)).save(path, quality=90)
    Image.fromarray(np.full((60, 60, 3), 99, np.uint8)).save(folder / "wall.png")
    (folder / "broken.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("")
    return folder


def run(runner: Runner, photos: Path, out: Path) -> list[dict[str, Any]]:
    """The report of a run, without what differs from run to run."""
    ledger = Ledger(out, "s")
    outcomes: list[Outcome] = []
    options = BatchOptions(no_face="copy", root=out)
    try:
        runner.run(plan_batch(photos, out), WISH, outcomes.append, options, ledger)
    finally:
        ledger.close()
    lines = [report_line(one) for one in outcomes]
    for line in lines:
        line["seconds"] = sorted(line["seconds"])
        line["output"] = line["output"] and Path(line["output"]).relative_to(out).as_posix()
    return lines


def written(out: Path) -> dict[str, str]:
    return {n: file_sha256(out / n) for n in files_under(out) if not n.startswith(".amgan/")}


def test_two_workers_give_the_files_and_the_report_of_one_process(
    ray: Any, photos: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    with Pipeline(tiny_bundle, "cpu") as pipeline:
        local = LocalRunner(pipeline)
        wanted = run(local, photos, tmp_path / "one")
        runner = RayRunner(ModelChoice(tiny_bundle, "cpu"), workers=2)
        assert (runner.describe(), runner.age_range) == (local.describe(), local.age_range)
        found = run(runner, photos, tmp_path / "ray")
        assert found == wanted
        assert {line["outcome"] for line in found} == {"aged", "copied", "failed", "skipped"}
        assert written(tmp_path / "ray") == written(tmp_path / "one")
        (tmp_path / "ray" / "sub" / "03é.jpg").unlink()
        again = {line["file"]: line["outcome"] for line in run(runner, photos, tmp_path / "ray")}
        assert again.pop(str(photos / "sub" / "03é.jpg")) == "aged"
        assert set(again.values()) == {"unchanged", "failed", "skipped"}
        # A run may go on with the other engine.
        assert {line["outcome"] for line in run(local, photos, tmp_path / "ray")} == set(again.values())
        assert written(tmp_path / "ray") == written(tmp_path / "one")


def test_errors_of_all_photos_end_the_run(ray: Any, photos: Path, tmp_path: Path, own_bundle: Path) -> None:
    runner = RayRunner(ModelChoice(own_bundle, "cpu"), workers=1)
    with pytest.raises(UsageError, match="more than the model can do"):
        runner.run(
            plan_batch(photos, tmp_path / "out"), Request.parse("300"), lambda one: None, BatchOptions(), None
        )
    with pytest.raises(BundleError, match="there is no bundle folder"):
        RayRunner(ModelChoice(tmp_path / "none", "cpu"))


def test_no_cluster(monkeypatch: pytest.MonkeyPatch, ray: Any) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nmore")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(
        EngineError, match=r"no Ray cluster to join \(Could not find any .*instance\.\): start"
    ):
        RayRunner(ModelChoice(None, "cpu"))


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'amgan\[ray\]'"):
        RayRunner(ModelChoice(None, "cpu"))
