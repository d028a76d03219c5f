"""A whole run from Python: what `amgan run-batch` does, in three lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from support.fake_pipeline import OpenedPipeline
from support.helpers import HOPPER, ROOT

from amgan.runtime import BatchSession, Request
from amgan.runtime.errors import AmganError, PhotoError, UsageError
from amgan.runtime.pipeline import pipeline as pipeline_module
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.lock import lock_folder

REQUEST = Request.parse(age=70)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos, one of them in a folder below and one damaged."""
    monkeypatch.setattr(pipeline_module, "Pipeline", OpenedPipeline)
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    small = Image.open(HOPPER).convert("RGB").resize((64, 80))
    small.save(folder / "a.png")
    small.save(folder / "sub" / "b.jpg")
    (folder / "c.png").write_bytes(b"no picture")
    return folder


def test_a_folder_with_report_gallery_and_resume(photos: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "report.jsonl"
    seen: list[tuple[int, int]] = []
    session = BatchSession([photos], out, REQUEST, report=report, gallery=True, gallery_title="at 70")
    assert not out.exists(), "planning writes nothing"
    result = session.run(lambda done, total, what: seen.append((done, total)))
    assert [(one.source.name, one.status) for one in result.outcomes] == [
        ("a.png", "aged"), ("c.png", "failed"), ("b.jpg", "aged"),
    ]  # fmt: skip
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [one.source.name for one in result.failed] == ["c.png"]
    assert [one.source.name for one in result.written] == ["a.png", "b.jpg"]
    assert result.capabilities.name == "Fake"
    assert [json.loads(line)["outcome"] for line in report.read_text().splitlines()] == [
        "aged", "failed", "aged",
    ]  # fmt: skip
    assert result.gallery == out / "index.html"
    assert "<title>out: at 70</title>" in result.gallery.read_text()
    again = BatchSession([photos], out, REQUEST).run()
    assert [one.status for one in again.outcomes] == ["unchanged", "failed", "unchanged"]
    assert again.gallery is None
    forced = BatchSession([photos], out, REQUEST, force=True).run()
    assert [one.status for one in forced.of("aged")] == ["aged", "aged"]


def test_an_interrupted_session_knows_what_is_done_and_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    session = BatchSession([photos], tmp_path / "out", REQUEST, threads=1)
    with pytest.raises(KeyboardInterrupt):
        session.run(interrupt)
    assert session.outcomes[0].status == "aged"
    statuses = [one.status for one in session.run().outcomes]
    assert statuses[0] == "unchanged"
    assert len(statuses) == 3


def test_one_photo_to_one_file(photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    (outcome,) = BatchSession([photos / "a.png"], target, REQUEST).run().outcomes
    assert (outcome.status, target.is_file()) == ("aged", True)
    with pytest.raises(UsageError, match=r"old\.png' is one picture, .* name a folder as `output`"):
        BatchSession([photos / "a.png"], target, REQUEST, gallery=True)


def test_wrong_use_is_refused_before_anything_is_opened(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`ray_address` is for `engine` ray"):
        BatchSession([photos], tmp_path / "out", REQUEST, ray_address="local")
    with pytest.raises(UsageError, match="does not exist"):
        BatchSession([tmp_path / "none"], tmp_path / "out", REQUEST)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone(photos: Path, tmp_path: Path) -> None:
    session = BatchSession([photos], tmp_path / "out", REQUEST)
    with (
        lock_folder(Location.of(tmp_path / "out")),
        pytest.raises(AmganError, match="is in use by another run"),
    ):
        session.run()
    assert session.outcomes == []


def test_the_example_of_the_docs_runs_as_it_stands(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "run-batch.md").read_text(encoding="utf-8")
    example = text.partition("```python\n")[2].partition("```")[0]
    photos.rename(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "run-batch.md", "exec"), {})
    assert capsys.readouterr().out.startswith("2 written; [")
    assert Path("aged/index.html").is_file()
    assert Path("aged.jsonl").is_file()


def test_a_gallery_that_cannot_be_written_is_told_before_photos_are_aged(
    photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "index.html").mkdir(parents=True)
    with pytest.raises(PhotoError, match=r"index\.html' cannot be written \(Is a directory\)"):
        BatchSession([photos], tmp_path / "out", REQUEST, gallery=True).run()
    assert not (tmp_path / "out" / "a.png").exists()
