"""A run in several worker processes: the same files, and what happens when one of them ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.fake_pipeline import photo
from support.helpers import ROOT
from support.object_store import SharedFileSystem
from support.worker_choices import DEADLY, FULL, ODD, TORN, WRONG, FragileChoice, wait_for_ends

from amgan.runtime import BatchSession, Request
from amgan.runtime.batch import worker_pool, workers
from amgan.runtime.batch.session import BatchResult
from amgan.runtime.batch.worker_pool import WorkerPool
from amgan.runtime.batch.worker_process import Place
from amgan.runtime.errors import AmganError, DiskFullError, EngineError, UsageError

REQUEST = Request.parse(age=70)
Run = Callable[..., BatchResult]


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """Gets a file per process."""
    (tmp_path / "opened").mkdir()
    (tmp_path / "deaths").mkdir()
    return tmp_path / "opened"


@pytest.fixture
def run(tmp_path: Path, opened: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a session over tmp_path/in with two fragile workers, or with other options."""

    def session(progress: Any = lambda *said: None, **options: Any) -> BatchResult:
        own = {name: options.pop(name) for name in ("most", "gone") if name in options}
        choice = FragileChoice(opened, tmp_path / "deaths", **own)
        monkeypatch.setattr(workers, "ModelChoice", lambda model, device: choice)
        options = {"workers": 2, "threads": 1} | options
        return BatchSession([tmp_path / "in"], tmp_path / "out", REQUEST, **options).run(progress)

    return session


def photos(folder: Path, count: int, **levels: int) -> None:
    """Photos 00.png and so on of level 100, and others by name and level."""
    for number in range(count):
        photo(folder / f"{number:02}.png")
    for name, level in levels.items():
        photo(folder / f"{name}.png", level)


def statuses(result: BatchResult) -> dict[str, str]:
    return {one.source.name: one.status for one in result.outcomes}


def test_all_photos_are_aged_in_order_and_a_resumed_run_finds_them(
    tmp_path: Path, run: Run, opened: Path
) -> None:
    photos(tmp_path / "in", 9, black=0)
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    report = tmp_path / "report.jsonl"
    result = run(report=report, gallery=True)
    names = [*(f"{number:02}.png" for number in range(9)), "black.png", "broken.png"]
    assert [one.source.name for one in result.outcomes] == names
    assert list(statuses(result).values()) == ["aged"] * 9 + ["skipped", "failed"]
    assert all(
        Image.open(one.target.path).getpixel((0, 0)) == (155, 155, 155)
        for one in result.of("aged")
        if one.target
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [Path(line["file"]).name for line in lines] == names
    assert {*lines[0]["seconds"]} == {"look", "decode", "faces", "engine", "write", "all"}
    assert result.gallery is not None
    assert result.capabilities.name == "Fake"
    first, *others = sorted(opened.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert first.read_text().split()[-1] != "fp32", "the first chooses the precision"
    assert all(other.read_text().split()[-1] == "fp32" for other in others), "the others have the same"
    wait_for_ends(opened)
    assert {*statuses(run()).values()} == {"unchanged", "skipped", "failed"}
    assert statuses(run(workers=3))["00.png"] == "unchanged"


def test_a_worker_keeps_to_its_place(tmp_path: Path, opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = max(os.sched_getaffinity(0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    pool = WorkerPool(FragileChoice(opened), [Place(tmp_path, (core,), 1)])
    pool.close()
    (said,) = opened.iterdir()
    assert said.read_text() == "1 7 "


@pytest.mark.slow
def test_a_photo_that_ends_its_worker_twice_fails_alone(
    tmp_path: Path, opened: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    photos(tmp_path / "in", 8, **{"04-deadly": DEADLY})
    result = run()
    (failed,) = result.failed
    assert failed.source.name == "04-deadly.png"
    assert "its worker process ended twice (killed by signal 9)" in failed.reason
    assert "sha256" in failed.details
    assert len(result.of("aged")) == 8
    assert len(list((tmp_path / "deaths").iterdir())) == 2
    assert len(list(opened.iterdir())) >= 3, "both processes that ended were replaced"
    assert "a worker process ended (killed by signal 9): its photos in flight are aged again" in caplog.text
    assert len(run().of("unchanged")) == 8


def test_remote_photos(tmp_path: Path, opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ModelChoice", lambda model, device: FragileChoice(opened))
    SharedFileSystem.register()
    photos(tmp_path / "in", 5, black=0)
    here = f"shared://{tmp_path}"
    asked = {"workers": 2, "threads": 1, "report": f"{here}/report.jsonl"}
    result = BatchSession([f"{here}/in"], f"{here}/out", REQUEST, **asked).run()
    assert list(statuses(result).values()) == ["aged"] * 5 + ["skipped"]
    written = sorted((tmp_path / "out").glob("*.png"))
    assert [Image.open(path).getpixel((0, 0)) for path in written] == [(155, 155, 155)] * 5
    assert not list((tmp_path / "out" / ".amgan").glob("lock*"))
    assert len(BatchSession([f"{here}/in"], f"{here}/out", REQUEST, **asked).run().of("unchanged")) == 5


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_writes_leaves_no_file(tmp_path: Path, run: Run) -> None:
    photos(tmp_path / "in", 3, **{"01-torn": TORN})
    assert [one.source.name for one in run().failed] == ["01-torn.png"]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [".amgan", "00.png", "01.png", "02.png"]


@pytest.mark.slow
def test_a_run_ends_when_every_process_ends(tmp_path: Path, run: Run) -> None:
    photos(tmp_path / "in", 0, **{f"{number:02}": DEADLY for number in range(12)})
    with pytest.raises(EngineError, match=r"more than 6 worker processes have ended .* killed by signal 9"):
        run()


@pytest.mark.slow
def test_a_run_ends_when_no_process_is_left(tmp_path: Path, opened: Path, run: Run) -> None:
    """The worker's replacement cannot be opened."""
    photos(tmp_path / "in", 4, **{"00-deadly": DEADLY})
    with pytest.raises(EngineError, match="there is no memory for one more"):
        run(most=1)


@pytest.mark.slow
def test_the_first_worker_says_why_it_cannot_open(tmp_path: Path, run: Run) -> None:
    photos(tmp_path / "in", 2)
    with pytest.raises(EngineError, match="there is no memory for one more"):
        run(most=0)
    assert not (tmp_path / "out" / "00.png").exists()
    with pytest.raises(EngineError, match=r"ended before its pipeline was open \(exit code 7\): use fewer"):
        run(gone=True)


@pytest.mark.slow
def test_a_further_worker_that_cannot_open_is_done_without(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    warned = threading.Event()

    def warning(sentence: str, *values: object) -> None:
        said.append(sentence % values)
        warned.set()

    monkeypatch.setattr(worker_pool._LOG, "warning", warning)
    photos(tmp_path / "in", 6)
    result = run(lambda done, total, what: done != 1 or warned.wait(60), most=1)
    assert {*statuses(result).values()} == {"aged"}
    assert said == ["fewer than 2 worker processes run: there is no memory for one more"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "kind", "sentence"),
    [
        (WRONG, UsageError, "the request is wrong"),
        (FULL, DiskFullError, "no space is left"),
        (ODD, EngineError, r"odd\.png': unexpected AttributeError"),
    ],
)
def test_errors_that_affect_all_photos_end_the_run(
    tmp_path: Path, run: Run, level: int, kind: type[AmganError], sentence: str
) -> None:
    photos(tmp_path / "in", 3, odd=level)
    with pytest.raises(kind, match=sentence):
        run()


def test_an_interrupted_run_finishes_the_photos_in_flight_and_goes_on(
    tmp_path: Path, run: Run, opened: Path
) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    photos(tmp_path / "in", 30)
    with pytest.raises(KeyboardInterrupt):
        run(interrupt)
    wait_for_ends(opened)
    written = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert 0 < len(written) < 30
    after = statuses(run())
    assert {name for name, status in after.items() if status == "unchanged"} == written
    assert len(after) == 30


def test_the_memory_limit_is_shared(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    whole = WorkerPool.age

    def age(self: WorkerPool, *arguments: Any) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return whole(self, *arguments)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(WorkerPool, "age", age)
    photos(tmp_path / "in", 6)
    Image.new("RGB", (80, 80), (9, 9, 9)).save(tmp_path / "in" / "large.png")
    result = run(memory_bytes=8 * 6 * 12)
    assert most == [1]
    assert [one.source.name for one in result.failed] == ["large.png"]
    assert "over the limit of" in result.failed[0].reason


#: A run that kills its own process, the parent, when it records its third photo.
_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from support.worker_choices import FragileChoice
from amgan.runtime import BatchSession, Request
from amgan.runtime.batch import record, workers

kept = []
def keep(self, task, outcome):
    kept.append(task)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, task, outcome)

whole, record.RunRecord.keep = record.RunRecord.keep, keep
workers.ModelChoice = lambda model, device: FragileChoice(Path("opened"))
BatchSession(["in"], "out", Request.parse(age=70), workers=2, threads=1).run()
"""


@pytest.mark.slow
def test_workers_end_with_their_parent_and_another_run_goes_on(
    tmp_path: Path, run: Run, opened: Path
) -> None:
    photos(tmp_path / "in", 12)
    command = [sys.executable, "-P", "-c", _KILLED, str(ROOT / "tests" / "lib")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    wait_for_ends(opened)
    after = statuses(run())
    assert list(after.values()).count("unchanged") == 2
    assert {*after.values()} == {"unchanged", "aged"}
    assert len(list((tmp_path / "out").rglob("*.p*"))) == 12, "no file is half written"
