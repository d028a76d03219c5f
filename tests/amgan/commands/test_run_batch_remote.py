"""`amgan run-batch` with URLs, on fsspec's memory file system, with a fake pipeline."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import Result
from support.command_line import one_sentence, run
from support.fake_pipeline import OpenedPipeline, photo
from support.object_store import names_below, new_bucket, put_photo

from amgan.runtime.pipeline import pipeline
from amgan.runtime.storage import lock
from amgan.runtime.storage.location import Location

SYSTEM = fsspec.filesystem("memory")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two photos in in/, one of them without a face."""
    monkeypatch.setattr(pipeline, "Pipeline", OpenedPipeline)
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    url = new_bucket(SYSTEM)
    put_photo(SYSTEM, f"{url}/in/a.png")
    put_photo(SYSTEM, f"{url}/in/black.png", 0)
    return url


def batch(*arguments: object) -> Result:
    return run("run-batch", *arguments, "--age", "70", "--device", "cpu")


def test_from_a_store_to_a_store(bucket: str) -> None:
    out, report = f"{bucket}/out", f"{bucket}/report.jsonl"
    result = batch(f"{bucket}/in", "-o", out, "--report", report)
    assert result.exit_code == 0
    assert result.stdout.startswith("aged 1 of 2 photos")
    assert f"{bucket.removeprefix('memory://')}/in/black.png: no face was found" in result.stdout
    lines = [json.loads(line) for line in SYSTEM.cat_file(report).splitlines()]
    assert [line["outcome"] for line in lines] == ["aged", "skipped"]
    assert "done before: 1" in batch(f"{bucket}/in", "-o", out).stdout
    assert names_below(SYSTEM, out) == {"a.png"}
    assert not SYSTEM.exists(f"{out}/.amgan/lock")
    assert not list(Path().iterdir())  # nothing lands in the working folder


def test_lists_of_urls_and_of_paths(bucket: str) -> None:
    photo(Path("here.png"))
    SYSTEM.pipe_file(f"{bucket}/list", f"{bucket}/in/a.png\nhere.png\n".encode())
    result = batch("--files-from", f"{bucket}/list", "-o", f"{bucket}/out")
    assert result.stdout.startswith("aged 2 of 2 photos"), result.output
    assert names_below(SYSTEM, f"{bucket}/out") == {
        "here.png",
        f"{bucket.removeprefix('memory://')}/in/a.png",
    }
    assert batch("--files-from", f"{bucket}/none", "-o", f"{bucket}/out").exit_code == 2


def test_a_file_url_is_a_path(bucket: str) -> None:
    photo(Path("in/a.png"))
    here = Path.cwd()
    result = batch(
        f"file://{here}/in", "-o", f"file://{here}/out", "--gallery", "--report", f"file://{here}/r.jsonl"
    )
    assert result.exit_code == 0, result.output
    assert {one.name for one in (here / "out").iterdir()} == {"a.png", ".amgan", "index.html", "index-files"}
    assert (here / "r.jsonl").is_file()


def test_wrong_use(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(Path("in/a.png"))
    for arguments, said in (
        ((f"{bucket}/in", "-o", f"{bucket}/out", "--gallery"), "--gallery shows photos of this machine"),
        ((f"{bucket}/in", "-o", "out", "--gallery"), "--gallery shows photos of this machine"),
        ((f"{bucket}/none", "-o", "out"), "does not exist: give a photo or a folder"),
        (("nope://in", "-o", "out"), "is on no known file system"),
        (("in", "-o", "nope://out"), "is on no known file system"),
    ):
        result = batch(*arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.output
        one_sentence(result)
    assert not Path("out").exists()
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    result = batch(f"{bucket}/in", "-o", "out")
    assert (result.exit_code, "pip install 'amgan[remote]'" in result.stderr) == (2, True)


def test_a_folder_in_use(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(lock, "STALE_AFTER_S", 600.0)
    with lock.lock_folder(Location(f"{bucket}/out")):
        result = batch(f"{bucket}/in", "-o", f"{bucket}/out")
    assert result.exit_code == 2
    said, refused = result.stderr.splitlines()
    assert f"is locked by process {os.getpid()}" in said
    assert "is in use by another run" in refused


def test_interrupted(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Any, *what: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(OpenedPipeline, "start", interrupt)
    result = batch(f"{bucket}/in", "-o", f"{bucket}/out")
    assert result.exit_code == 130
    assert "run the same command again to resume" in result.stderr
    assert not SYSTEM.exists(f"{bucket}/out/.amgan/lock")
    monkeypatch.undo()
    monkeypatch.setattr(pipeline, "Pipeline", OpenedPipeline)
    assert batch(f"{bucket}/in", "-o", f"{bucket}/out").exit_code == 0
