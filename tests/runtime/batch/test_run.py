"""The batch runner: what it plans, what becomes of each photo, and how it stops."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_pipeline import REQUEST, FakePipeline, files_under, photo

from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.errors import BundleError, EngineError, MissingDependencyError, UsageError
from amgan.runtime.storage.location import Location

ONE = BatchOptions(threads=1)


def by_name(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {one.source.name: one for one in outcomes}


def test_folder_tree_is_mirrored_and_inputs_stay(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "deep" / "er" / "b.png", 7)
    before = {name: (tmp_path / "in" / name).read_bytes() for name in files_under(tmp_path / "in")}
    outcomes = run_batch(FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST)
    assert [one.status for one in outcomes] == ["aged", "aged"]
    assert {one.faces for one in outcomes} == {2}
    assert all(one.seconds > 0 and one.target and one.target.path.is_file() for one in outcomes)
    assert files_under(tmp_path / "out") == {"a.png", "deep/er/b.png"}
    assert np.asarray(Image.open(tmp_path / "out" / "deep" / "er" / "b.png"))[0, 0, 0] == 248
    assert before == {name: (tmp_path / "in" / name).read_bytes() for name in files_under(tmp_path / "in")}


def test_bad_files_are_listed_and_the_good_ones_done(tmp_path: Path) -> None:
    source = tmp_path / "in"
    photo(source / "good.png")
    photo(source / "black.png", 0)
    (source / "notes.txt").write_text("no picture")
    (source / "noending").write_text("no picture")
    (source / "broken.jpg").write_bytes(b"not a jpeg at all")
    (source / "dangling.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(source / "pipe.png")
    photo(source / ".hidden.png")
    photo(source / ".hidden" / "x.png")
    (source / ".DS_Store").write_text("")
    (source / "Thumbs.db").write_text("")
    outcomes = by_name(run_batch(FakePipeline(), plan_run([source], tmp_path / "out").tasks, REQUEST))
    assert {name for name, one in outcomes.items() if one.status == "aged"} == {"good.png"}
    assert "no face" in outcomes["black.png"].reason
    assert outcomes["notes.txt"].reason == "not a picture: its extension is '.txt'"
    assert "not a picture" in outcomes["noending"].reason
    assert outcomes["broken.jpg"].reason
    assert "link" in outcomes["dangling.png"].reason
    assert "not a regular file" in outcomes["pipe.png"].reason
    assert len(outcomes) == 7
    assert files_under(tmp_path / "out") == {"good.png"}


def test_one_photo_into_a_folder_or_a_file(tmp_path: Path) -> None:
    source = photo(tmp_path / "me.jpg")
    (tmp_path / "there.jpg").mkdir()
    assert plan_run([source], tmp_path / "out").tasks[0].target == Location.of(tmp_path / "out" / "me.jpg")
    assert plan_run([source], tmp_path / "out" / "old.PNG").tasks[0].target == Location.of(
        tmp_path / "out" / "old.PNG"
    )
    assert plan_run([source], tmp_path / "there.jpg").tasks[0].target == Location.of(
        tmp_path / "there.jpg" / "me.jpg"
    )


def test_a_photo_named_by_itself_is_judged_by_its_content(tmp_path: Path) -> None:
    source = photo(tmp_path / "me.png").rename(tmp_path / "me")
    (outcome,) = run_batch(FakePipeline(), plan_run([source], tmp_path / "out.png").tasks, REQUEST)
    assert outcome.status == "aged", outcome.reason
    os.mkfifo(tmp_path / "pipe")
    (outcome,) = run_batch(FakePipeline(), plan_run([tmp_path / "pipe"], tmp_path / "out").tasks, REQUEST)
    assert "not a regular file" in outcome.reason


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.jpg").parent
    (tmp_path / "file.dat").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(source)
    for wrong_source, wrong_output, says in (
        (tmp_path / "nothing", tmp_path / "out", "does not exist"),
        (source, source, "never overwritten"),
        (source, tmp_path / "in" / ".." / "in", "never overwritten"),
        (source, tmp_path / "link", "never overwritten"),
        (source, tmp_path / "file.dat", "is a file"),
        (source / "a.jpg", source / "a.jpg", "never overwritten"),
        (source / "a.jpg", source, "never overwritten"),
        (source / "a.jpg", tmp_path / "file.dat", "not a picture"),
        (tmp_path / "empty", tmp_path / "out", "contains no photos"),
    ):
        with pytest.raises(UsageError, match=says):
            plan_run([wrong_source], wrong_output)
    assert not (tmp_path / "out").exists()


def test_output_that_would_hit_another_input_is_refused(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "in" / "a.png")
    with pytest.raises(UsageError, match="never overwritten"):
        plan_run([tmp_path / "in"], tmp_path)


def test_output_inside_the_input_is_not_aged_again(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    for _ in range(2):
        outcomes = run_batch(FakePipeline(), plan_run([tmp_path], tmp_path / "aged").tasks, REQUEST)
        assert [one.source.name for one in outcomes] == ["a.png"]
    assert files_under(tmp_path) == {"a.png", "aged/a.png"}


def test_folder_that_cannot_be_read_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "closed").mkdir()
    scandir = os.scandir

    def guarded(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
    monkeypatch.undo()
    outcomes = by_name(run_batch(FakePipeline(), jobs, REQUEST))
    assert outcomes["closed"].reason == "a folder that cannot be read: Permission denied"
    assert outcomes["a.png"].status == "aged"


@pytest.mark.parametrize(
    ("error", "says"),
    [(EngineError("tile 3 failed"), "tile 3 failed"), (ValueError("odd"), "unexpected ValueError: odd")],
)
def test_errors_of_one_photo_stay_with_it(tmp_path: Path, error: Exception, says: str) -> None:
    def trouble(call: int) -> None:
        if call == 2:
            raise error

    for name in "abc":
        photo(tmp_path / "in" / f"{name}.png")
    jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
    outcomes = by_name(run_batch(FakePipeline(trouble), jobs, REQUEST, options=ONE))
    assert outcomes["b.png"].reason == says
    assert [outcomes[f"{n}.png"].status for n in "ac"] == ["aged", "aged"]


@pytest.mark.parametrize("kind", [UsageError, BundleError, MissingDependencyError])
def test_errors_of_all_photos_end_the_run(tmp_path: Path, kind: type[Exception]) -> None:
    def trouble(call: int) -> None:
        if call == 2:
            raise kind("for all of them")

    for name in "abc":
        photo(tmp_path / "in" / f"{name}.png")
    reported: list[Outcome] = []
    with pytest.raises(kind, match="for all of them"):
        jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
        run_batch(FakePipeline(trouble), jobs, REQUEST, reported.append, ONE)
    assert {one.status for one in reported} == {"aged"}
    assert reported[0].source.name == "a.png" and "b.png" not in by_name(reported)
    assert files_under(tmp_path / "out") == {one.source.name for one in reported}


def test_target_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b" / "c.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").write_text("a file in the way")
    outcomes = by_name(
        run_batch(FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST)
    )
    assert outcomes["a.png"].status == "aged"
    assert outcomes["c.png"].status == "failed"
    assert str(tmp_path / "out" / "b") in outcomes["c.png"].reason


def test_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    def interrupt(outcome: Outcome) -> None:
        reported.append(outcome)
        if len(reported) == 3:
            raise KeyboardInterrupt

    for number in range(12):
        photo(tmp_path / "in" / f"{number:02}.png")
    reported: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        run_batch(FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST, interrupt)
    names = [one.source.name for one in reported]
    assert names == sorted(names) and 3 <= len(names) < 12
    assert files_under(tmp_path / "out") == set(names)


@pytest.mark.parametrize("probed", ["in its time", "while none is begun"])
def test_photos_stream_through_bounded_queues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probed: str
) -> None:
    from amgan.runtime.batch.run import _Run
    from amgan.runtime.photo import read, write

    if probed == "while none is begun":
        awaited = _Run._awaited

        def awaited_late(run: _Run) -> int:
            for _, probing in run._probes:
                probing.result()
            return awaited(run)

        monkeypatch.setattr(_Run, "_awaited", awaited_late)

    read_photo, write_photo = read.read_photo, write.write_photo
    lock, decoded, written, most = threading.Lock(), [0], [0], [0]
    main, ahead = threading.get_ident(), threading.Event()

    def counting_read(path: Path, metadata: str, decoder: None) -> Any:
        assert threading.get_ident() != main
        with lock:
            decoded[0] += 1
            most[0] = max(most[0], decoded[0] - written[0])
            if decoded[0] > 1:
                ahead.set()
        return read_photo(path, metadata, decoder)

    def waiting_write(*args: Any, **options: Any) -> Any:
        assert threading.get_ident() != main
        assert ahead.wait(600), "the second photo is decoded before the first one is written"
        write_photo(*args, **options)
        with lock:
            written[0] += 1

    monkeypatch.setattr(read, "read_photo", counting_read)
    monkeypatch.setattr(write, "write_photo", waiting_write)
    for number in range(30):
        photo(tmp_path / "in" / f"{number:02}.png")
    outcomes = run_batch(FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST)
    assert {one.status for one in outcomes} == {"aged"}, outcomes
    assert [one.source.name for one in outcomes] == [f"{n:02}.png" for n in range(30)]
    assert 2 <= most[0] <= 4 * 2 + 1


def test_reason_does_not_repeat_the_path(tmp_path: Path) -> None:
    def trouble(call: int) -> None:
        raise EngineError(f"'{source}': it broke")

    source = photo(tmp_path / "a.png")
    (outcome,) = run_batch(FakePipeline(trouble), plan_run([source], tmp_path / "out").tasks, REQUEST)
    assert outcome.reason == "it broke"


def test_an_output_that_cannot_hold_the_photo_is_told_before_it_is_aged(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (40, 30), (90, 80, 70, 128)).save(tmp_path / "in" / "clear.png")
    Image.new("RGB", (40, 30), (90, 80, 70)).save(tmp_path / "in" / "photo.gif", "JPEG")
    Image.new("RGB", (16400, 2), (90, 80, 70)).save(tmp_path / "in" / "wide.png")
    for name, target, said in (
        ("clear.png", "a.jpg", "cannot be a JPEG, which has no transparency: name it .png"),
        ("photo.gif", "out", "must end like a JPEG, PNG, TIFF or WebP file, such as .jpg or .png"),
        ("wide.png", "a.webp", "cannot be a WEBP, whose sides have at most 16383 px and not 16400"),
    ):
        fake = FakePipeline()
        (one,) = run_batch(fake, plan_run([tmp_path / "in" / name], tmp_path / target).tasks, REQUEST)
        assert (one.status, fake.calls) == ("failed", 0)
        assert said in one.reason
        assert str(tmp_path / target) in one.reason
        assert not (tmp_path / target).exists()


def test_a_copy_needs_no_ending_of_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "black.gif", "JPEG")
    tasks = plan_run([tmp_path / "black.gif"], tmp_path / "out").tasks
    (one,) = run_batch(FakePipeline(), tasks, REQUEST, options=BatchOptions(threads=1, no_face="copy"))
    assert one.status == "copied"
    assert (tmp_path / "out" / "black.gif").read_bytes() == (tmp_path / "black.gif").read_bytes()
