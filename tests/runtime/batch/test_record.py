"""The record of a run, its lock, and what a second run makes of them."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import REQUEST, FakePipeline, files_under, photo

from amgan.runtime.ages.atlas import read_atlas
from amgan.runtime.ages.request import Request
from amgan.runtime.batch import record as run_record
from amgan.runtime.batch.record import Entry, RunRecord
from amgan.runtime.batch.run import BatchOptions, Ledger, Outcome, plan_batch, run_batch
from amgan.runtime.batch.settings import describe_request, settings_key
from amgan.runtime.errors import PhotoError, UsageError
from amgan.runtime.storage.lock import RunLock

SKIP = BatchOptions(no_face="skip")


def run(folder: Path, settings: str = "s", *, force: bool = False, options: BatchOptions = SKIP) -> list[str]:
    """The outcomes of a run over ``folder / "in"``, in the order of names."""
    jobs = plan_batch(folder / "in", folder / "out")
    ledger = Ledger(folder / "out", settings, force=force)
    ledger.clean(jobs)
    try:
        outcomes = run_batch(FakePipeline(), jobs, REQUEST, options=options, ledger=ledger)
    finally:
        ledger.close()
    return [one.status for one in outcomes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos with faces, a and b, and one without, c; all were worked on."""
    for name, level in (("a", 10), ("b", 20), ("c", 0)):
        photo(tmp_path / "in" / f"{name}.png", level)
    assert run(tmp_path) == ["aged", "aged", "skipped"]
    return tmp_path


def test_what_is_done_is_not_done_again(folder: Path) -> None:
    record = folder / "out" / ".amgan" / "run.jsonl"
    before = record.read_bytes(), (folder / "out" / "a.png").stat().st_mtime_ns
    assert run(folder) == ["unchanged", "unchanged", "skipped"]
    assert before == (record.read_bytes(), (folder / "out" / "a.png").stat().st_mtime_ns)
    os.utime(folder / "in" / "a.png")
    os.utime(folder / "out" / "b.png")
    assert run(folder) == ["unchanged", "unchanged", "skipped"]


def test_what_changed_is_done_again(folder: Path) -> None:
    photo(folder / "in" / "b.png", 30)
    assert run(folder) == ["unchanged", "aged", "skipped"]
    (folder / "out" / "a.png").unlink()
    assert run(folder) == ["aged", "unchanged", "skipped"]
    (folder / "out" / "a.png").write_bytes(b"cut short")
    assert run(folder) == ["aged", "unchanged", "skipped"]
    content = (folder / "out" / "b.png").read_bytes()
    (folder / "out" / "b.png").write_bytes(content[:-1] + b"x")
    assert run(folder) == ["unchanged", "aged", "skipped"]
    assert (folder / "out" / "b.png").read_bytes() == content
    assert run(folder, "other") == ["aged", "aged", "skipped"]
    assert run(folder, "other", force=True) == ["aged", "aged", "skipped"]
    assert run(folder, "other") == ["unchanged", "unchanged", "skipped"]


def test_failed_photos_are_tried_again(folder: Path) -> None:
    (folder / "in" / "d.png").write_bytes(b"no picture")
    assert run(folder)[3] == "failed"
    photo(folder / "in" / "d.png")
    assert run(folder)[3] == "aged"


def test_an_output_that_other_settings_made_goes_when_the_photo_is_skipped(folder: Path) -> None:
    for kept, changed in ((False, False), (True, True)):
        assert run(folder, "copying", options=BatchOptions(no_face="copy"))[2] == "copied"
        assert (folder / "out" / "c.png").read_bytes() == (folder / "in" / "c.png").read_bytes()
        if changed:
            (folder / "out" / "c.png").write_bytes(b"a user's own")
        assert run(folder, "skipping")[2] == "skipped"
        assert (folder / "out" / "c.png").exists() == kept


def test_a_torn_or_damaged_line_is_a_photo_that_is_done_again(folder: Path) -> None:
    record = folder / "out" / ".amgan" / "run.jsonl"
    whole = record.read_bytes()
    for end in (*range(0, len(whole), 97), *range(len(whole) - 3, len(whole))):
        record.write_bytes(whole[:end])
        found = RunRecord(folder / "out")
        lines = whole[:end].count(b"\n")
        assert sum(found.entry(f"{name}.png") is not None for name in "abc") == lines
        assert record.read_bytes() == b"".join(whole.splitlines(keepends=True)[:lines])
        found.close()
    lines = whole.splitlines(keepends=True)
    for bad in (b"[]\n", b"[" * 5000 + b"\n", b"{}\n", b"\xff\n", lines[0].replace(b"a.png", b"x.png")):
        record.write_bytes(bad + lines[1] + lines[2])
        assert run(folder) == ["aged", "unchanged", "skipped"]


def test_a_long_record_is_made_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record, "_STALE_LINES", 5)
    record = RunRecord(tmp_path)
    entry = Entry("ä\udcff.png", "1" * 64, "s", "aged", details={"faces": [0.1]})
    for number in range(8):
        record.add(replace(entry, reason=str(number)))
    record.close()
    record = RunRecord(tmp_path)
    assert (tmp_path / ".amgan" / "run.jsonl").read_bytes().count(b"\n") == 1
    assert record.entry(entry.name) == replace(entry, reason="7")
    record.add(replace(entry, name="b.png"))
    record.close()
    assert RunRecord(tmp_path).entry("b.png") == replace(entry, name="b.png")


def test_a_record_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / ".amgan" / "run.jsonl").mkdir(parents=True)
    with pytest.raises(PhotoError, match=r"run\.jsonl' cannot be used \(Is a directory\)"):
        RunRecord(tmp_path)


def test_leftovers_of_killed_runs_go_and_nothing_else(folder: Path) -> None:
    mine = folder / "out" / ".my.notes.part"
    mine.write_text("keep")
    (folder / "out" / ".a.0123abcd.part").write_text("half a photo")
    (folder / "out" / "sub").mkdir()
    assert run(folder) == ["unchanged", "unchanged", "skipped"]
    assert files_under(folder / "out") == {"a.png", "b.png", ".amgan/run.jsonl", ".my.notes.part"}


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with RunLock(tmp_path / "out"):
        with pytest.raises(UsageError, match=rf"in use by another run \(process {os.getpid()} on .*\): wait"):
            RunLock(tmp_path / "out")
        RunLock(tmp_path / "other").close()
    RunLock(tmp_path / "out").close()


def test_a_share_without_locks_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with RunLock(tmp_path / "out"):
        pass
    assert "a file system without locks (No locks available): see to it" in caplog.text


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhotoError, match=r"cannot be written \(Not a directory\): name a folder"):
        RunLock(tmp_path / "file" / "out")


def test_a_photo_that_changes_while_it_is_read_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amgan.runtime.photo import read as photos

    read_photo = photos.read_photo

    def slow_read(path: Path, *rest: Any) -> Any:
        found = read_photo(path, *rest)
        photo(path, 99)
        return found

    monkeypatch.setattr(photos, "read_photo", slow_read)
    photo(tmp_path / "in" / "a.png", 10)
    (outcome,) = run_batch(FakePipeline(), plan_batch(tmp_path / "in", tmp_path / "out"), REQUEST)
    assert outcome.reason == "it changed while it was read: run again"


def test_every_setting_is_part_of_the_key(tmp_path: Path) -> None:
    from amgan.runtime.ages.map_file import WantedMap

    atlas = read_atlas("base")
    painted = WantedMap(np.full((8, 8), 50, np.float32))
    requests = (
        REQUEST,
        Request.parse("71"),
        Request.parse("+70"),
        Request.parse("70", ["chin=40"]),
        Request.parse("70", faces="largest"),
        Request.parse("70", faces=2),
        Request.parse("70", strength=0.5),
        Request.parse("70", min_face_px=10),
        Request.parse("70", include_children=True),
        replace(REQUEST, population=atlas),
        replace(REQUEST, population=replace(atlas, version="other")),
        Request(aging_map=painted),
        Request(aging_map=replace(painted, years=painted.years + 1)),
    )
    keys = [settings_key(describe_request(one)) for one in requests]
    assert len(set(keys)) == len(requests)
    assert settings_key(describe_request(Request.parse("70"))) == keys[0]
    assert settings_key(describe_request(REQUEST), {"precision": "bf16"}) not in keys
    json.dumps([describe_request(one) for one in requests])


def test_outcomes_of_a_resumed_run_tell_what_the_first_one_did(folder: Path) -> None:
    jobs = plan_batch(folder / "in", folder / "out")
    ledger = Ledger(folder / "out", "s")
    told: list[Outcome] = run_batch(FakePipeline(), jobs, REQUEST, options=SKIP, ledger=ledger)
    ledger.close()
    assert [one.faces for one in told] == [2, 2, 0]
    assert [face["wanted"] for face in told[0].details["faces"]] == [70, 70]
    assert told[2].reason == "no face was found"
