"""The batch on a local Ray cluster with two workers gives what one process gives."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image
from support.helpers import COLLINS, HOPPER
from support.object_store import names_below, new_bucket, s3_server
from support.ray_cluster import ray_cluster

from amgan.runtime import Pipeline
from amgan.runtime.ages.request import Request
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.ray_runner import ray_runner
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.report import report_line
from amgan.runtime.batch.run import BatchOptions, Runner, local_runner
from amgan.runtime.batch.workers import ModelChoice
from amgan.runtime.errors import BundleError, EngineError, MissingDependencyError, UsageError
from amgan.runtime.storage.location import Location

pytestmark = pytest.mark.slow

ASKED = Request.parse("70", include_children=True)


@pytest.fixture(scope="module", params=["local", "s3"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A store, and a cluster of this machine whose workers can reach it."""
    pytest.importorskip("ray", reason="pip install 'amgan[ray]'")
    if request.param == "local":
        here = fsspec.filesystem("file", auto_mkdir=True)
        here.top = tmp_path_factory.mktemp("ray")
        with ray_cluster():
            yield here
    else:
        with s3_server() as found, ray_cluster():
            yield found


@pytest.fixture(scope="module")
def bucket(system: Any) -> str:
    """Twelve photos, one of them without a face, and two files that are none."""
    url = new_bucket(system)
    for number in range(11):
        content = io.BytesIO()
        picture = Image.open((HOPPER, COLLINS)[number % 2]).convert("RGB")
        picture.resize((220 + 5 * number, 240)).save(content, "JPEG", quality=90)
        system.pipe_file(f"{url}/in/{'sub/' if number % 2 else ''}{number:02}é.jpg", content.getvalue())
    wall = io.BytesIO()
    Image.fromarray(np.full((60, 60, 3), 99, np.uint8)).save(wall, "PNG")
    system.pipe_file(f"{url}/in/wall.png", wall.getvalue())
    system.pipe_file(f"{url}/in/broken.jpg", b"no picture")
    system.pipe_file(f"{url}/in/notes.txt", b"")
    return url


def run(runner: Runner, source: str, out: str) -> list[dict[str, Any]]:
    """The report of a run, without what differs from run to run."""
    record = RunRecord(Location(out), "s")
    outcomes: list[Outcome] = []
    plan = plan_run([source], out)
    options = BatchOptions(no_face="copy", root=None if "://" in out else Path(out))
    try:
        runner.run(plan.tasks, ASKED, outcomes.append, options, record)
    finally:
        record.close()
    lines = [report_line(one) for one in outcomes]
    for line in lines:
        line["seconds"] = sorted(line["seconds"])
        line["output"] = line["output"] and line["output"].removeprefix(out)
    return lines


def written(system: Any, out: str) -> dict[str, bytes]:
    return {name: system.cat_file(f"{out}/{name}") for name in names_below(system, out)}


def test_two_workers_give_the_files_and_the_report_of_one_process(
    system: Any, bucket: str, tiny_bundle: Path
) -> None:
    source = f"{bucket}/in"
    with Pipeline(tiny_bundle, "cpu") as pipeline:
        local = local_runner(pipeline)
        wanted = run(local, source, f"{bucket}/one")
        runner = ray_runner(ModelChoice(tiny_bundle, "cpu"), workers=2)
        assert runner.facts == local.facts
        found = run(runner, source, f"{bucket}/ray")
        assert found == wanted
        assert {line["outcome"] for line in found} == {"aged", "copied", "failed", "skipped"}
        assert len(written(system, f"{bucket}/ray")) == 12
        assert written(system, f"{bucket}/ray") == written(system, f"{bucket}/one")
        system.rm_file(f"{bucket}/ray/sub/03é.jpg")
        again = {line["file"]: line["outcome"] for line in run(runner, source, f"{bucket}/ray")}
        assert again.pop(f"{source}/sub/03é.jpg") == "aged"
        assert set(again.values()) == {"unchanged", "failed", "skipped"}
        # A run may go on with the other engine.
        assert {line["outcome"] for line in run(local, source, f"{bucket}/ray")} == set(again.values())
        assert written(system, f"{bucket}/ray") == written(system, f"{bucket}/one")


def test_the_command(system: Any, bucket: str, tiny_bundle: Path) -> None:
    out = f"{bucket}/command"
    command = [
        "run-batch", f"{bucket}/in", "-o", out, "--age", "70", "--include-children", "--engine", "ray",
        "--workers", "2", "--model", str(tiny_bundle), "--device", "cpu",
        "--report", f"{bucket}/report.jsonl",
    ]  # fmt: skip
    for expected in ("aged", "unchanged"):
        done = run(*command)
        assert done.exit_code == 3, done.output
        assert f"{bucket}/in/broken.jpg: is not a picture" in done.output
        report = [json.loads(line) for line in system.cat_file(f"{bucket}/report.jsonl").splitlines()]
        assert [line["outcome"] for line in report].count(expected) == 11
    assert len(names_below(system, out)) == 11


def test_errors_of_all_photos_end_the_run(system: Any, bucket: str, tmp_path: Path, own_bundle: Path) -> None:
    runner = ray_runner(ModelChoice(own_bundle, "cpu"), workers=1)
    tasks = plan_run([f"{bucket}/in"], tmp_path / "out").tasks
    with pytest.raises(UsageError, match="than the model can make a face"):
        runner.run(tasks, Request.parse("300"), lambda one: None, BatchOptions(), None)
    with pytest.raises(BundleError, match="there is no bundle folder"):
        ray_runner(ModelChoice(tmp_path / "none", "cpu"))


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="pip install 'amgan[ray]'")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nmore")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(
        EngineError, match=r"no Ray cluster to join \(Could not find any .*instance\.\): start"
    ):
        ray_runner(ModelChoice(None, "cpu"))


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'amgan\[ray\]'"):
        ray_runner(ModelChoice(None, "cpu"))
