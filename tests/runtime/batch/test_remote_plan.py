"""What a run with URLs is to do, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_pipeline import REQUEST, FakePipeline, photo
from object_store import level_of

from amgan.runtime.batch.remote_plan import plan_remote
from amgan.runtime.batch.report import report_line
from amgan.runtime.batch.run import run_batch
from amgan.runtime.errors import UsageError
from amgan.runtime.storage import location as storage

NAMES = {"a.png", "broken.png", "notes.txt", "sub/b.png", "sub/c.png"}


def test_plans(system: Any, bucket: str, tmp_path: Path) -> None:
    def places(
        inputs: list[str], out: str = f"{bucket}/out", lines: list[str] | None = None
    ) -> dict[str, str]:
        jobs = plan_remote(inputs, out, lines).jobs
        return {(j.far and j.far.name) or "": j.refusal for j in jobs}

    name = bucket.rpartition("/")[2]
    here = photo(tmp_path / "here" / "x.png")
    assert set(places([f"{bucket}/in/"])) == NAMES
    assert set(places([f"{bucket}/in", f"{bucket}/in/a.png"])) == {f"in/{n}" for n in NAMES} | {"a.png"}
    assert set(places([f"{bucket}/in/**/*.png"])) >= {"a.png", "sub/b.png", "sub/c.png"}
    assert set(places([f"{bucket}/in/s*"])) == {"sub/b.png", "sub/c.png"}
    lines = ["", f"{bucket}/in/a.png\n", f"{bucket}/in/sub", f"{bucket}/none.png"]
    listed = places([], lines=lines)
    assert set(listed) == {
        f"{name}/in/a.png",
        f"{name}/in/sub/b.png",
        f"{name}/in/sub/c.png",
        f"{name}/none.png",
    }
    assert listed[f"{name}/none.png"] == "it does not exist"
    assert places([str(here)]) == {"x.png": ""}
    assert places([str(here.parent)]) == {"x.png": ""}
    assert places([str(here.parent / "*.png")]) == {"x.png": ""}
    assert set(places([str(here), f"{bucket}/in/a.png"])) == {"x.png", "a.png"}
    assert set(places([], lines=[str(here)])) == {str(here).lstrip("/")}
    assert places([f"{bucket}/in/a.png", f"{bucket}/in/a.png"]) == {"a.png": ""}
    twice = plan_remote([f"{bucket}/in/a.png", str(photo(tmp_path / "a.png"))], f"{bucket}/out").jobs
    assert [job.refusal.endswith("too: rename one of them") for job in twice] == [False, True]


def test_one_photo_to_one_file(system: Any, bucket: str, tmp_path: Path) -> None:
    for source, out in (
        (f"{bucket}/in/a.png", f"{bucket}/old.png"),
        (f"{bucket}/in/a.png", str(tmp_path / "old.png")),
        (str(photo(tmp_path / "a.png", 10)), f"{bucket}/old2.png"),
    ):
        plan = plan_remote([source], out)
        assert (plan.root, plan.far_root) == (None, "")
        (one,) = run_batch(FakePipeline(), plan.jobs, REQUEST)
        assert (one.status, one.written) == ("aged", out)
        assert "tag" not in json.dumps(report_line(one))
    assert level_of(system, f"{bucket}/old.png") == level_of(system, f"{bucket}/old2.png") == 245
    assert (tmp_path / "old.png").exists()


def test_wrong_inputs(system: Any, bucket: str) -> None:
    for inputs, out, said in (
        ([f"{bucket}/none"], f"{bucket}/out", "does not exist: give a photo or a folder"),
        ([f"{bucket}/none.png"], f"{bucket}/old.png", "does not exist: give a photo or a folder"),
        ([f"{bucket}/in/*.gif"], f"{bucket}/out", "matches no file: check the pattern"),
        ([f"{bucket}/in"], f"{bucket}/in", "is the folder of the photos themselves"),
        ([f"{bucket}/in/a.png"], f"{bucket}/in", "is one of the photos to age"),
        ([f"{bucket}/in/a.png"], f"{bucket}/in/a.png", "is one of the photos to age"),
        ([], f"{bucket}/out", "there is nothing to do"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            plan_remote(inputs, out)


def test_no_name_leads_out_of_the_output(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amgan.runtime.batch import remote_plan

    names = ("../a.png", "x//a.png", "./a.png", "a\0.png", "sub/../../../a.png")
    listed = [storage.Listed(f"{bucket}/in/{name}", name, 1) for name in names]
    monkeypatch.setattr(remote_plan, "files_below", lambda url: listed)
    for out in (f"{bucket}/out", str(tmp_path / "out")):
        plan = plan_remote([f"{bucket}/in"], out)
        assert len(plan.jobs) == len(names)
        assert all("which would lead out" in job.refusal for job in plan.jobs)
        assert {one.status for one in run_batch(FakePipeline(), plan.jobs, REQUEST)} == {"failed"}
