"""What a run over any kind of store is to do, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.fake_pipeline import REQUEST, FakePipeline, photo
from support.object_store import level_of

from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.report import report_line
from amgan.runtime.batch.run import run_batch
from amgan.runtime.errors import UsageError
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.remote import RemoteStore
from amgan.runtime.storage.store import Listed

NAMES = {"a.png", "broken.png", "notes.txt", "sub/b.png", "sub/c.png"}


def test_plans(bucket: str, tmp_path: Path) -> None:
    def places(
        inputs: list[str], out: str = f"{bucket}/out", lines: list[str] | None = None
    ) -> dict[str, str]:
        return {task.name: task.refusal for task in plan_run(inputs, out, lines).tasks}

    name = bucket.rpartition("://")[2].lstrip("/")
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
    twice = plan_run([f"{bucket}/in/a.png", str(photo(tmp_path / "a.png"))], f"{bucket}/out").tasks
    assert [task.refusal.endswith(": rename one of them") for task in twice] == [False, True]


def test_one_photo_to_one_file(system: Any, bucket: str, tmp_path: Path) -> None:
    for source, out in (
        (f"{bucket}/in/a.png", f"{bucket}/old.png"),
        (f"{bucket}/in/a.png", str(tmp_path / "old.png")),
        (str(photo(tmp_path / "a.png", 10)), f"{bucket}/old2.png"),
    ):
        plan = plan_run([source], out)
        assert plan.root is None
        (one,) = run_batch(FakePipeline(), plan.tasks, REQUEST)
        assert (one.status, one.target) == ("aged", Location(out))
        assert "tag" not in json.dumps(report_line(one))
    assert level_of(system, f"{bucket}/old.png") == level_of(system, f"{bucket}/old2.png") == 245
    assert (tmp_path / "old.png").exists()


def test_wrong_inputs(bucket: str) -> None:
    for inputs, out, said in (
        ([f"{bucket}/none"], f"{bucket}/out", "does not exist: give a photo or a folder"),
        ([f"{bucket}/none.png"], f"{bucket}/old.png", "does not exist: give a photo or a folder"),
        ([f"{bucket}/none", f"{bucket}/in"], f"{bucket}/out", "does not exist: give photos, folders"),
        ([f"{bucket}/in/*.gif"], f"{bucket}/out", "matches no file: check the pattern"),
        ([f"{bucket}/in"], f"{bucket}/in", "is the folder of the input photos"),
        ([f"{bucket}/in", f"{bucket}/in/a.png"], f"{bucket}/in", "is the folder of the input photos"),
        ([f"{bucket}/in/a.png"], f"{bucket}/in", "is one of the input photos"),
        ([f"{bucket}/in/a.png"], f"{bucket}/in/a.png", "is one of the input photos"),
        ([f"{bucket}/in"], f"{bucket}/old.png", "has the name of a picture"),
        ([f"{bucket}/in"], f"{bucket}/in/notes.txt", "is a file: name a folder"),
        ([f"{bucket}/in/a.png"], f"{bucket}/in/notes.txt", "is a file but not a picture"),
        ([], f"{bucket}/out", "there is nothing to do"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            plan_run(inputs, out)


@pytest.mark.parametrize("name", ["old.xyz", "old.gif", "old.jxl", "old.TXT", "old.mp4", "run.v2"])
def test_one_photo_is_not_written_to_a_file_of_an_unknown_kind(
    bucket: str, tmp_path: Path, name: str
) -> None:
    one = str(photo(tmp_path / "a.png"))
    for out in (f"{bucket}/{name}", str(tmp_path / name)):
        with pytest.raises(
            UsageError, match=f"has the extension '.{name.partition('.')[2]}', which is not a"
        ):
            plan_run([one], out)
    assert not (tmp_path / name).exists()
    (tmp_path / name).mkdir()
    assert plan_run([one], tmp_path / name).tasks[0].target.path == tmp_path / name / "a.png"


@pytest.mark.parametrize("name", ["out", "2026.11.29", "Dr. Smith", ".hidden", "a.photosofmyfamily"])
def test_folders_of_one_photo_may_have_dots(tmp_path: Path, name: str) -> None:
    one = str(photo(tmp_path / "a.png"))
    assert plan_run([one], tmp_path / name).tasks[0].target.path == tmp_path / name / "a.png"


def test_a_folder_of_photos_may_go_into_any_folder(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    assert plan_run([tmp_path / "in"], tmp_path / "out.v2").root == Location.of(tmp_path / "out.v2")


def test_files_that_are_no_pictures_are_left_out_each_by_itself(bucket: str, tmp_path: Path) -> None:
    for folder in ("one/in", "two/in"):
        photo(tmp_path / folder / f"{folder[:3]}.png")
        (tmp_path / folder / "notes.txt").write_text("")
    tasks = plan_run([tmp_path / "one" / "in", tmp_path / "two" / "in"], f"{bucket}/out").tasks
    assert [task.unasked for task in tasks if task.source.suffix == ".txt"] == [True, True]
    assert [task.refusal for task in tasks if task.source.suffix == ".png"] == ["", ""]


@pytest.mark.parametrize("out", ["memory://out", ""])
def test_no_name_leads_out_of_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    top = Location("memory://somewhere/in")
    names = ("../a.png", "x//a.png", "./a.png", "a\0.png", "sub/../../../a.png")
    monkeypatch.setattr(RemoteStore, "is_folder", lambda self, place: place == top)
    monkeypatch.setattr(RemoteStore, "walk", lambda *_: [Listed(top / name, name) for name in names])
    plan = plan_run([top], out or tmp_path / "out")
    assert len(plan.tasks) == len(names)
    assert all("which would lead out" in task.refusal for task in plan.tasks)
    assert {one.status for one in run_batch(FakePipeline(), plan.tasks, REQUEST)} == {"failed"}
