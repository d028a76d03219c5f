"""Memory, full disks, photos without a face, and the report."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.fake_pipeline import REQUEST, FakePipeline, files_under, photo

from amgan.runtime.batch import disk
from amgan.runtime.batch.memory import (
    BYTES_PER_PIXEL,
    JPEG_BYTES_PER_PIXEL,
    memory_need,
    parse_size,
    say_size,
)
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.report import RunReport
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.errors import DiskFullError, PhotoError, UsageError
from amgan.runtime.photo import read, write
from amgan.runtime.storage.location import Location

NEED = 8 * 6 * BYTES_PER_PIXEL


def test_sizes() -> None:
    assert [parse_size(text) for text in ("2G", "1.5 KiB", "800m", "17", "1tb")] == [
        2 << 30, 1536, 800 << 20, 17, 1 << 40,
    ]  # fmt: skip
    for text in ("", "G", "-1G", "0", "2X", "1e9", "nan"):
        with pytest.raises(UsageError, match="is not a size of memory"):
            parse_size(text)
    assert [say_size(size) for size in (3 << 29, 5 << 20, 2048)] == ["1.5 GiB", "5.0 MiB", "2 KiB"]


def test_need_is_read_from_the_header(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:60])
    assert memory_need(path) == NEED
    path = tmp_path / "b.jpg"
    Image.new("RGB", (64, 48)).save(path)
    assert memory_need(path) == 64 * 48 * JPEG_BYTES_PER_PIXEL
    path.write_bytes(b"no picture")
    assert memory_need(path) == 0


def test_memory_of_a_heic_photo_is_known(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.new("RGB", (64, 48))).save(path)
    assert memory_need(path) == 64 * 48 * BYTES_PER_PIXEL


@pytest.mark.parametrize("at_once", [1, 3])
def test_photos_under_way_stay_within_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    lock, held, most = threading.Lock(), [0], [0]
    read_photo, write_photo = read.read_photo, write.write_photo

    def counting_read(path: Path, *rest: Any) -> Any:
        with lock:
            held[0] += 1
            most[0] = max(most[0], held[0])
        return read_photo(path, *rest)

    def counting_write(*args: Any, **options: Any) -> None:
        write_photo(*args, **options)
        with lock:
            held[0] -= 1

    monkeypatch.setattr(read, "read_photo", counting_read)
    monkeypatch.setattr(write, "write_photo", counting_write)
    for number in range(12):
        photo(tmp_path / "in" / f"{number:02}.png")
    options = BatchOptions(memory=at_once * NEED + 1)
    outcomes = run_batch(
        FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST, options=options
    )
    assert [one.source.name for one in outcomes if one.status == "aged"] == [f"{n:02}.png" for n in range(12)]
    assert most[0] <= at_once


def test_a_photo_over_the_limit_fails_alone(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b.png").write_bytes(b"no picture")
    jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
    one, other = run_batch(FakePipeline(), jobs, REQUEST, options=BatchOptions(memory=100))
    assert one.status == other.status == "failed"
    assert one.reason.startswith("it needs 1 KiB of memory, over the limit of 0 KiB: raise `memory_bytes`")
    assert "not a picture" in other.reason


@pytest.mark.parametrize(
    ("no_face", "status", "there"),
    [("skip", "skipped", False), ("copy", "copied", True), ("error", "failed", False)],
)
def test_photos_without_a_face(tmp_path: Path, no_face: Any, status: str, there: bool) -> None:
    source = photo(tmp_path / "in" / "sub" / "a.png", 0)
    with source.open("ab") as stream:
        stream.write(b"bytes that only a copy keeps")
    jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
    (outcome,) = run_batch(FakePipeline(), jobs, REQUEST, options=BatchOptions(no_face=no_face))
    assert (outcome.status, outcome.reason) == (status, "no face was found")
    target = tmp_path / "out" / "sub" / "a.png"
    assert target.exists() == there
    if there:
        assert target.read_bytes() == source.read_bytes()
        (again,) = plan_run([source], tmp_path / "a.jpg").tasks
        (outcome,) = run_batch(FakePipeline(), [again], REQUEST, options=BatchOptions(no_face="copy"))
        assert outcome.status == "copied"
        assert read.read_photo(tmp_path / "a.jpg").format == "JPEG"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; skips where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("there is no mount command")
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_full_disk_ends_the_run_and_it_goes_on_later(small_disk: Path, tmp_path: Path, suffix: str) -> None:
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(12):
        noise = Image.fromarray(rng.integers(1, 255, (120, 120, 3), np.uint8))
        noise.save(tmp_path / "in" / f"{number:02}.{suffix}", **({"quality": 100} if suffix == "jpg" else {}))
    out = small_disk / "out"
    jobs = plan_run([tmp_path / "in"], out).tasks
    reported: list[Outcome] = []
    record = RunRecord(Location.of(out), "s")
    with pytest.raises(
        DiskFullError, match=r"no space is left for .*: free some space and run the same command"
    ):
        run_batch(FakePipeline(), jobs, REQUEST, reported.append, record=record)
    record.close()
    assert 0 < len(reported) < 12
    assert {one.status for one in reported} == {"aged"}
    whole = {name for name in files_under(out) if not name.startswith(".amgan/")}
    assert {one.source.name for one in reported} <= whole
    for name in whole:
        read.read_photo(out / name)
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    record = RunRecord(Location.of(out), "s")
    outcomes = run_batch(FakePipeline(), jobs, REQUEST, record=record)
    record.close()
    assert [one.status for one in outcomes[: len(reported)]] == ["unchanged"] * len(reported)
    assert {one.status for one in outcomes[len(reported) :]} <= {"aged", "unchanged"}
    assert files_under(out) == {job.target.name for job in jobs} | {".amgan/run.jsonl"}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), OSError(errno.EDQUOT, "Quota"), OSError("encoder -2")]
)
def test_errors_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PhotoError("it cannot be written") from error

    monkeypatch.setattr(write, "write_photo", refuse)
    monkeypatch.setattr(disk, "_free_bytes", lambda folder: 0)
    jobs = plan_run([photo(tmp_path / "a.png")], tmp_path / "out").tasks
    with pytest.raises(DiskFullError):
        run_batch(FakePipeline(), jobs, REQUEST)
    monkeypatch.setattr(disk, "_free_bytes", lambda folder: 1 << 40)
    if error.errno is None:
        assert run_batch(FakePipeline(), jobs, REQUEST)[0].reason == "it cannot be written"


def test_a_record_that_cannot_be_written_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, expected in ((errno.ENOSPC, DiskFullError), (errno.EIO, OSError)):
        record = RunRecord(Location.of(tmp_path / "out"), "s", force=True)

        def refuse(*args: Any, kind: int = kind) -> None:
            raise OSError(kind, "no")

        monkeypatch.setattr(record, "keep", refuse)
        reported: list[Outcome] = []
        with pytest.raises(expected):
            jobs = plan_run([photo(tmp_path / "a.png")], tmp_path / "out").tasks
            run_batch(FakePipeline(), jobs, REQUEST, reported.append, record=record)
        assert not reported


def test_the_report_has_a_line_for_every_file(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b.png", 0)
    record = RunRecord(Location.of(tmp_path / "out"), "s")
    with RunReport(Location.of(tmp_path / "new" / "report.jsonl")) as report:
        jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
        run_batch(FakePipeline(), jobs, REQUEST, report.add, record=record)
    one, other = map(json.loads, (tmp_path / "new" / "report.jsonl").read_text().splitlines())
    assert (one["file"], one["outcome"]) == (str(tmp_path / "in" / "a.png"), "aged")
    assert one["output"] == str(tmp_path / "out" / "a.png")
    assert {face["age"] for face in one["faces"]} == {40}
    assert set(one["faces"][0]) == {"outcome", "box", "age", "wanted", "zones"}
    assert set(one["seconds"]) == {"all", "look", "decode", "faces", "engine", "write"}
    assert len(one["sha256"]) == 64
    assert (other["outcome"], other["reason"], other["output"]) == ("failed", "no face was found", None)
    assert not {"output", "mtime_ns"} & set(one["faces"][0])


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="name another report"):
        RunReport(Location.of(tmp_path))
    with (
        RunReport(Location("/dev/full")) as report,
        pytest.raises(PhotoError, match="cannot be written"),
    ):
        report.add(Outcome(Location("a.png"), "aged"))
    RunReport(None).add(Outcome(Location("a.png"), "aged"))
