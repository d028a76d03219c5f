"""What a second run makes of the first one's record, in every kind of store."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_pipeline import REQUEST, FakePipeline, files_under, photo
from support.object_store import level_of, names_below, put_photo
from support.recorded_runs import AGAIN, FIRST, SKIP, outcomes, run

from amgan.runtime.ages.atlas import read_atlas
from amgan.runtime.ages.request import Request
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import Entry, RunRecord
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.batch.settings import describe_request, settings_key
from amgan.runtime.batch.task import PhotoTask
from amgan.runtime.errors import PhotoError
from amgan.runtime.storage import journal
from amgan.runtime.storage.location import Location


def test_what_is_done_is_not_done_again(system: Any, bucket: str) -> None:
    source, out = f"{bucket}/in", f"{bucket}/out"
    assert run(source, out) == FIRST
    assert names_below(system, out) == {"a.png", "sub/b.png"}
    assert level_of(system, f"{out}/a.png") == 245
    assert run(source, out) == AGAIN
    before = [system.cat_file(name) for name in system.find(f"{out}/.amgan")]
    assert run(source, out) == AGAIN
    assert [system.cat_file(name) for name in system.find(f"{out}/.amgan")] == before


def test_only_what_changed_is_done_again(system: Any, bucket: str) -> None:
    source, out = f"{bucket}/in", f"{bucket}/out"
    run(source, out)
    put_photo(system, f"{source}/a.png", 30)
    assert run(source, out) == AGAIN | {"a.png": "aged"}
    assert level_of(system, f"{out}/a.png") == 225
    system.rm_file(f"{out}/sub/b.png")
    assert run(source, out) == AGAIN | {"sub/b.png": "aged"}
    content = system.cat_file(f"{out}/a.png")
    for damaged in (b"cut short", content[:-1] + b"x"):
        system.pipe_file(f"{out}/a.png", damaged)
        assert run(source, out) == AGAIN | {"a.png": "aged"}
        assert system.cat_file(f"{out}/a.png") == content
    assert run(source, out, "other") == FIRST
    assert run(source, out, "other", force=True) == FIRST
    assert run(source, out, "other") == AGAIN
    assert len(system.find(f"{out}/.amgan")) <= 2


def test_new_times_are_no_change(tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / "in" / f"{name}.png")
    run(str(tmp_path / "in"), str(tmp_path / "out"))
    os.utime(tmp_path / "in" / "a.png")
    os.utime(tmp_path / "out" / "b.png")
    assert set(run(str(tmp_path / "in"), str(tmp_path / "out")).values()) == {"unchanged"}


def test_failed_photos_are_tried_again(system: Any, bucket: str) -> None:
    assert run(f"{bucket}/in", f"{bucket}/out")["broken.png"] == "failed"
    put_photo(system, f"{bucket}/in/broken.png")
    assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN | {"broken.png": "aged"}


def test_an_output_that_other_settings_made_goes_when_the_photo_is_skipped(system: Any, bucket: str) -> None:
    source, out, copying = f"{bucket}/in", f"{bucket}/out", BatchOptions(no_face="copy")
    for changed in (False, True):
        assert run(source, out, "copying", options=copying)["sub/c.png"] == "copied"
        assert system.cat_file(f"{out}/sub/c.png") == system.cat_file(f"{source}/sub/c.png")
        if changed:
            system.pipe_file(f"{out}/sub/c.png", b"a user's own")
        assert run(source, out, "skipping")["sub/c.png"] == "skipped"
        assert system.exists(f"{out}/sub/c.png") == changed


def test_an_output_in_the_input_is_no_photo(bucket: str) -> None:
    assert run(f"{bucket}/in", f"{bucket}/in/aged") == FIRST
    assert run(f"{bucket}/in", f"{bucket}/in/aged") == AGAIN


def test_damaged_lines_are_photos_that_are_done_again(system: Any, bucket: str) -> None:
    run(f"{bucket}/in", f"{bucket}/out")
    (file,) = system.find(f"{bucket}/out/.amgan")
    lines = system.cat_file(file).splitlines(keepends=True)
    assert len(lines) == 3
    for bad in (b"[]\n", b"[" * 5000 + b"\n", b"{}\n", b"\xff\n", lines[0].replace(b"a.png", b"x.png")):
        for old in system.find(f"{bucket}/out/.amgan"):
            system.rm_file(old)
        system.pipe_file(file, bad + lines[1] + lines[2])
        assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN | {"a.png": "aged"}


def task(name: str) -> PhotoTask:
    return PhotoTask(Location("a"), Location("b"), name)


def test_wherever_a_record_is_cut_its_whole_lines_hold(tmp_path: Path) -> None:
    record = RunRecord(Location.of(tmp_path), "s")
    for name in "abc":
        record.keep(task(name), Outcome(Location("x"), "aged", details={"sha256": "1", "faces": [0.1]}))
    record.close()
    path = tmp_path / ".amgan" / "run.jsonl"
    whole = path.read_bytes()
    for end in (*range(0, len(whole), 97), *range(len(whole) - 3, len(whole))):
        path.write_bytes(whole[:end])
        found = RunRecord(Location.of(tmp_path), "s")
        found.close()
        lines = whole[:end].count(b"\n")
        assert sum(found.entry(task(name)) is not None for name in "abc") == lines
        assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:lines])


def test_a_long_record_is_made_short(system: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "STALE_LINES", 5)
    root, odd = Location(bucket) / "out", "ä\udcff.png"
    for number in range(8):
        record = RunRecord(root, "s")
        told = Outcome(Location("x"), "aged", str(number), details={"sha256": "1" * 64, "faces": [number]})
        record.keep(task(odd), told)
        record.close()
    record = RunRecord(root, "s")
    assert record.entry(task(odd)) == Entry(odd, "1" * 64, "s", "aged", "7", details=told.details)
    record.keep(task("b.png"), told)
    record.close()
    content = b"".join(system.cat_file(name) for name in system.find(f"{root}/.amgan"))
    assert content.count(b"\n") <= 7
    assert RunRecord(root, "s").entry(task("b.png")) is not None
    assert RunRecord(root, "other").entry(task("b.png")) is None


def test_leftovers_of_killed_runs_go_and_nothing_else(tmp_path: Path) -> None:
    source, out = str(tmp_path / "in"), tmp_path / "out"
    photo(tmp_path / "in" / "a.png")
    run(source, str(out))
    (out / ".my.notes.part").write_text("keep")
    (out / ".a.0123abcd.part").write_text("half a photo")
    (out / "sub").mkdir()
    assert run(source, str(out)) == {"a.png": "unchanged"}
    assert files_under(out) == {"a.png", ".amgan/run.jsonl", ".my.notes.part"}


def test_a_killed_run_loses_what_its_record_had_not_written(
    system: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_BUFFERED_LINES", 2)
    monkeypatch.setattr(journal, "FLUSH_AFTER_S", 1e9)
    plan = plan_run([f"{bucket}/in"], f"{bucket}/out")
    record = RunRecord(Location(f"{bucket}/out"), "s")  # never closed: in a store two of three lines
    first = run_batch(FakePipeline(), plan.tasks, REQUEST, options=SKIP, record=record)
    assert [one.status for one in first] == list(FIRST.values())
    assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN
    assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN


def test_a_run_that_lost_its_folder_stops(bucket: str) -> None:
    def check() -> None:
        raise PhotoError("taken over")

    plan = plan_run([f"{bucket}/in"], f"{bucket}/out")
    record = RunRecord(Location(f"{bucket}/out"), "s", check=check)
    with pytest.raises(PhotoError, match="taken over"):
        run_batch(FakePipeline(), plan.tasks, REQUEST, options=SKIP, record=record)


def test_a_photo_that_changes_while_it_is_read_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amgan.runtime.photo import read as photos

    read_photo = photos.read_photo

    def slow_read(path: Path, *rest: Any) -> Any:
        found = read_photo(path, *rest)
        photo(path, 99)
        return found

    monkeypatch.setattr(photos, "read_photo", slow_read)
    photo(tmp_path / "in" / "a.png", 10)
    (outcome,) = run_batch(FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST)
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
        Request.parse("70", pattern=2),
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


def test_outcomes_of_a_resumed_run_tell_what_the_first_one_did(bucket: str) -> None:
    run(f"{bucket}/in", f"{bucket}/out")
    told = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert [one.faces for one in told] == [2, 0, 0, 2, 0]
    assert [face["wanted"] for face in told[0].details["faces"]] == [70, 70]
    assert told[0].target == Location(f"{bucket}/out/a.png")
    assert told[4].reason == "no face was found"
