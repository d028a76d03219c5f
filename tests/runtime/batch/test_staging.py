"""Photos on other file systems: fetched, worked on here, and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.fake_pipeline import REQUEST, FakePipeline, files_under, photo
from support.object_store import level_of, names_below
from support.recorded_runs import AGAIN, FIRST, SKIP, outcomes, run

from amgan.runtime.batch import staging
from amgan.runtime.batch import steps as batch_photo
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.report import RunReport
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.errors import DiskFullError, PhotoError
from amgan.runtime.storage import remote
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.remote import RemoteStore

pytestmark = pytest.mark.parametrize("system", ["memory", "s3"], indirect=True, scope="module")


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


def test_outcomes_name_urls_and_nothing_of_this_machine(system: Any, bucket: str, tmp_path: Path) -> None:
    with RunReport(Location(f"{bucket}/report.jsonl")) as report:
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
    fetch = RemoteStore.fetch
    monkeypatch.setattr(
        RemoteStore,
        "fetch",
        lambda self, place, target: (fetched.append(place.text), fetch(self, place, target)),
    )
    assert run(f"{bucket}/in", f"{bucket}/out") == AGAIN
    names = {url.rpartition("/in/")[2] for url in fetched}
    assert names == (
        {"broken.png"} if system.protocol != "memory" else {"a.png", "broken.png", "sub/b.png", "sub/c.png"}
    )


def test_a_photo_that_is_too_much_is_not_fetched(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MAX_FETCHED_BYTES", 50)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert found[0].reason == "it has 0 MiB, and at most 0 MiB are fetched for a photo: make it smaller"
    # A store that told less than there is.
    monkeypatch.setattr(staging, "MAX_FETCHED_BYTES", 10_000)
    monkeypatch.setattr(remote, "MAX_FETCHED_BYTES", 50)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert found[0].reason == "has over 0 MiB, too much for a photo: make it smaller"


def test_memory_is_limited_by_the_header_as_for_any_photo(bucket: str) -> None:
    found = outcomes(f"{bucket}/in", f"{bucket}/out", options=BatchOptions(memory=100))
    assert "over the limit of" in found[0].reason


def test_a_photo_that_is_gone_fails_alone(system: Any, bucket: str) -> None:
    plan = plan_run([f"{bucket}/in"], f"{bucket}/out")
    system.rm_file(f"{bucket}/in/a.png")
    found = run_batch(FakePipeline(), plan.tasks, REQUEST, options=SKIP)
    assert (found[0].status, found[0].reason) == ("failed", "it does not exist")
    assert found[3].status == "aged"


def test_a_store_that_refuses_fails_the_photo(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put = RemoteStore.put

    def refuse(self: RemoteStore, place: Location, content: bytes) -> None:
        if ".amgan" in place.text:
            put(self, place, content)
        elif place.name == "a.png":
            raise PhotoError(f"'{place}' cannot be written (no): check its name and the access to it")

    monkeypatch.setattr(RemoteStore, "put", refuse)
    found = outcomes(f"{bucket}/in", f"{bucket}/out")
    assert [found[0].status, found[3].status] == ["failed", "failed"]
    told = "cannot be written (no): check its name and the access to it"
    assert found[0].reason == f"'{bucket}/out/a.png' {told}"
    assert (found[3].reason or "").startswith(f"'{bucket}/out/")
    assert (found[3].reason or "").endswith("differs from what was written: run the same command again")


def test_a_full_disk_of_this_machine_ends_the_run(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: RemoteStore, url: Location, target: Path) -> None:
        raise PhotoError("no") from OSError(28, "No space left on device")

    monkeypatch.setattr(RemoteStore, "fetch", full)
    with pytest.raises(DiskFullError, match="free some space"):
        outcomes(f"{bucket}/in", f"{bucket}/out")
    monkeypatch.undo()
    monkeypatch.setattr(batch_photo.PhotoWork, "end", lambda *a: (_ for _ in ()).throw(DiskFullError("full")))
    with pytest.raises(DiskFullError, match="full"):
        outcomes(f"{bucket}/in", f"{bucket}/out")


def test_nothing_stays_on_this_machine(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[set[str]] = []
    plan = plan_run([f"{bucket}/in"], f"{bucket}/out")
    run_batch(FakePipeline(), plan.tasks, REQUEST, lambda one: seen.append(files_under(tmp_path)), SKIP)
    assert seen[-1] == set()
    assert not list(tmp_path.iterdir())
