"""A batch whose photos and output are on other file systems: in memory, and on an object store server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_pipeline import REQUEST, FakePipeline, files_under, photo
from object_store import level_of, names_below, put_photo

from amgan.runtime.batch import remote_record
from amgan.runtime.batch import staging as remote_work
from amgan.runtime.batch import steps as batch_photo
from amgan.runtime.batch.ledger import Book
from amgan.runtime.batch.remote_ledger import RemoteLedger
from amgan.runtime.batch.remote_plan import plan_remote
from amgan.runtime.batch.remote_report import RemoteReport
from amgan.runtime.batch.run import BatchOptions, Ledger, Outcome, run_batch
from amgan.runtime.errors import DiskFullError, PhotoError, UsageError
from amgan.runtime.storage import location as storage

SKIP = BatchOptions(no_face="skip")


def run(
    source: str, out: str, settings: str = "s", *, force: bool = False, options: BatchOptions = SKIP
) -> dict[str, str]:
    """What became of each photo of a run, by URL below the source."""
    found = outcomes(source, out, settings, force=force, options=options)
    return {one.file.rpartition("/in/")[2]: one.status for one in found}


def outcomes(
    source: str, out: str, settings: str = "s", *, force: bool = False, options: BatchOptions = SKIP
) -> list[Outcome]:
    plan = plan_remote([source], out)
    ledger: Any = (
        RemoteLedger(out, settings, force=force)
        if plan.far_root
        else Ledger(Path(out), settings, force=force)
    )
    ledger.clean(plan.jobs)
    try:
        return run_batch(FakePipeline(), plan.jobs, REQUEST, options=options, ledger=ledger)
    finally:
        ledger.close()


FIRST = {
    "a.png": "aged",
    "broken.png": "failed",
    "notes.txt": "skipped",
    "sub/b.png": "aged",
    "sub/c.png": "skipped",
}
AGAIN = FIRST | {"a.png": "unchanged", "sub/b.png": "unchanged"}


def test_a_tree_goes_to_a_tree_and_only_what_changed_is_done_again(system: Any, bucket: str) -> None:
    source, out = f"{bucket}/in", f"{bucket}/out"
    assert run(source, out) == FIRST
    assert names_below(system, out) == {"a.png", "sub/b.png"}
    assert level_of(system, f"{out}/a.png") == 245
    assert run(source, out) == AGAIN
    put_photo(system, f"{source}/a.png", 30)
    assert run(source, out) == AGAIN | {"a.png": "aged"}
    assert level_of(system, f"{out}/a.png") == 225
    system.rm_file(f"{out}/sub/b.png")
    assert run(source, out) == AGAIN | {"sub/b.png": "aged"}
    content = system.cat_file(f"{out}/a.png")
    system.pipe_file(f"{out}/a.png", content[:-1] + b"x")
    assert run(source, out) == AGAIN | {"a.png": "aged"}
    assert run(source, out, "other") == FIRST
    assert run(source, out, "other", force=True) == FIRST
    assert run(source, out, "other") == AGAIN
    assert len(system.find(f"{out}/.amgan")) <= 2


def test_an_output_in_the_input_is_no_photo(system: Any, bucket: str) -> None:
    assert run(f"{bucket}/in", f"{bucket}/in/aged") == FIRST
    assert run(f"{bucket}/in", f"{bucket}/in/aged") == AGAIN


def test_between_this_machine_and_a_store(system: Any, bucket: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(f"{bucket}/in", str(out)) == FIRST
    assert run(f"{bucket}/in", str(out)) == AGAIN
    assert files_under(out) == {"a.png", "sub/b.png", ".amgan/run.jsonl"}
    photo(tmp_path / "in" / "a.png", 10)
    photo(tmp_path / "in" / "sub" / "b.png", 20)
    assert run(str(tmp_path / "in"), f"{bucket}/from-here") == {"a.png": "aged", "sub/b.png": "aged"}
    assert run(str(tmp_path / "in"), f"{bucket}/from-here") == {
        "a.png": "unchanged",
        "sub/b.png": "unchanged",
    }
    assert names_below(system, f"{bucket}/from-here") == {"a.png", "sub/b.png"}
    assert level_of(system, f"{bucket}/from-here/a.png") == 245
    assert files_under(tmp_path / "in") == {"a.png", "sub/b.png"}


def test_photos_without_a_face_are_copied_and_go_with_other_settings(system: Any, bucket: str) -> None:
    copying = BatchOptions(no_face="copy")
    out = f"{bucket}/out"
    assert run(f"{bucket}/in", out, "copying", options=copying)["sub/c.png"] == "copied"
    assert system.cat_file(f"{out}/sub/c.png") == system.cat_file(f"{bucket}/in/sub/c.png")
    assert run(f"{bucket}/in", out, "skipping")["sub/c.png"] == "skipped"
    assert names_below(system, out) == {"a.png", "sub/b.png"}


def test_outcomes_name_urls_and_nothing_of_this_machine(system: Any, bucket: str, tmp_path: Path) -> None:
    with RemoteReport(f"{bucket}/report.jsonl") as report:
        for one in outcomes(f"{bucket}/in", f"{bucket}/out"):
            report.add(one)
    lines = [json.loads(line) for line in system.cat_file(f"{bucket}/report.jsonl").splitlines()]
    assert [line["outcome"] for line in lines] == list(FIRST.values())
    assert lines[0]["file"].endswith("/in/a.png") and "://" in lines[0]["file"]
    assert lines[0]["output"].endswith("/out/a.png") and "://" in lines[0]["output"]
    assert set(lines[0]["seconds"]) == {"all", "look", "decode", "faces", "engine", "write"}
    assert "is not a picture that can be read" in lines[1]["reason"]
    assert not [line for line in lines if "/tmp" in json.dumps(line) or "amgan-" in json.dumps(line)]


def test_what_is_done_is_not_even_fetched_where_the_store_has_tags(
    system: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"{bucket}/in", f"{bucket}/out")
    fetched: list[str] = []
    monkeypatch.setattr(
        remote_work, "fetch", lambda url, target: (fetched.append(url), storage.fetch(url, target))
    )
    assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN
    names = {url.rpartition("/in/")[2] for url in fetched}
    assert names == (
        {"broken.png"} if system.protocol != "memory" else {"a.png", "broken.png", "sub/b.png", "sub/c.png"}
    )


def test_a_photo_that_is_too_much_is_not_fetched(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_work, "MAX_FETCHED_BYTES", 50)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert found[0].reason == "it has 0 MiB, and at most 0 MiB are fetched for a photo: make it smaller"
    # A store that told less than there is.
    monkeypatch.setattr(remote_work, "MAX_FETCHED_BYTES", 10_000)
    monkeypatch.setattr(storage, "MAX_FETCHED_BYTES", 50)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert found[0].reason == "has over 0 MiB, too much for a photo: make it smaller"


def test_memory_is_limited_by_the_header_as_for_any_photo(bucket: str) -> None:
    found = outcomes(f"{bucket}/in", f"{bucket}/out", options=BatchOptions(memory=100))
    assert "over the limit of" in found[0].reason


def test_a_photo_that_is_gone_fails_alone(system: Any, bucket: str) -> None:
    plan = plan_remote([f"{bucket}/in"], f"{bucket}/out")
    system.rm_file(f"{bucket}/in/a.png")
    found = run_batch(FakePipeline(), plan.jobs, REQUEST, options=SKIP)
    assert (found[0].status, found[0].reason) == ("failed", "it does not exist")
    assert found[3].status == "aged"


def test_a_store_that_refuses_fails_the_photo(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, content: bytes) -> None:
        raise PhotoError(f"'{url}' cannot be written (no): check its name and the access to it")

    monkeypatch.setattr(remote_work, "put", refuse)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert found[0].status == "failed"
    assert found[0].reason.startswith("cannot be written (no)")
    monkeypatch.setattr(remote_work, "put", lambda url, content: None)
    assert outcomes(f"{bucket}/in", f"{bucket}/out")[0].reason.startswith("is not what was written to it")


def test_a_full_disk_of_this_machine_ends_the_run(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, target: Path) -> None:
        raise PhotoError("no") from OSError(28, "No space left on device")

    monkeypatch.setattr(remote_work, "fetch", full)
    with pytest.raises(DiskFullError, match="make room"):
        outcomes(f"{bucket}/in", f"{bucket}/out")
    monkeypatch.undo()
    monkeypatch.setattr(batch_photo.PhotoWork, "end", lambda *a: (_ for _ in ()).throw(DiskFullError("full")))
    with pytest.raises(DiskFullError, match="full"):
        outcomes(f"{bucket}/in", f"{bucket}/out")


def test_nothing_stays_on_this_machine(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[set[str]] = []
    plan = plan_remote([f"{bucket}/in"], f"{bucket}/out")
    run_batch(FakePipeline(), plan.jobs, REQUEST, lambda one: seen.append(files_under(tmp_path)), SKIP)
    assert seen[-1] == set()
    assert not list(tmp_path.iterdir())


def test_a_killed_run_loses_what_its_record_had_not_written(
    system: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = f"{bucket}/in", f"{bucket}/out"
    monkeypatch.setattr(remote_record, "LINES_AT_MOST", 2)
    plan = plan_remote([source], out)
    ledger: Book = RemoteLedger(out, "s")
    run_batch(
        FakePipeline(), plan.jobs, REQUEST, options=SKIP, ledger=ledger
    )  # never closed: two of three lines
    assert run(source, out) == AGAIN | {"sub/c.png": "skipped"}
    record = [one for one in system.find(f"{out}/.amgan")]
    content = system.cat_file(record[0])
    system.pipe_file(record[0], content[:-10])  # as no store would leave it
    assert "aged" in run(source, out).values() or run(source, out) == AGAIN


def test_a_run_that_lost_its_folder_stops(bucket: str) -> None:
    def check() -> None:
        raise PhotoError("taken over")

    plan = plan_remote([f"{bucket}/in"], f"{bucket}/out")
    with pytest.raises(PhotoError, match="taken over"):
        run_batch(
            FakePipeline(),
            plan.jobs,
            REQUEST,
            options=SKIP,
            ledger=RemoteLedger(f"{bucket}/out", "s", check=check),
        )


def test_a_record_that_cannot_be_kept_ends_the_run(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, content: bytes) -> None:
        raise PhotoError("'x' cannot be written (no): check its name and the access to it")

    monkeypatch.setattr(remote_record, "put", refuse)
    with pytest.raises(PhotoError, match="record of the run cannot be kept: 'x' cannot be written"):
        outcomes(f"{bucket}/in", f"{bucket}/out")


def test_a_report_grows_now_and_then(system: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from amgan.runtime.batch import remote_report

    url = f"{bucket}/report.jsonl"
    with RemoteReport(url) as report:
        report.add(Outcome(Path("a.png"), "aged"))
        assert system.cat_file(url) == b""
        monkeypatch.setattr(remote_report, "SECONDS", 0.0)
        report.add(Outcome(Path("b.png"), "aged"))
        assert system.cat_file(url).count(b"\n") == 2
        report.add(Outcome(Path("c.png"), "aged"))
    assert [json.loads(line)["file"] for line in system.cat_file(url).splitlines()] == [
        "a.png",
        "b.png",
        "c.png",
    ]
    with pytest.raises(UsageError, match="no known file system"):
        RemoteReport("nope://report.jsonl")
