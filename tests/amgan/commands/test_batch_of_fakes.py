"""`amgan run-batch` with a fake pipeline: outcomes, interrupts, progress."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import one_sentence, run
from support.command_pipeline import TROUBLED, CommandPipeline
from support.fake_pipeline import photo

from amgan.runtime.batch import run as run_of_batches
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.task import PhotoTask
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities

pytestmark = pytest.mark.usefixtures("fake")


def test_batch_all_good(tmp_path: Path, fake: type[CommandPipeline]) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b" / "c.png")
    result = run(
        "run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "-10", "--zone", "forehead=+25",
        "--zone", "chin=70", "--faces", "largest", "--strength", 0.5, "--model", tmp_path,
        "--device", "cuda:1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("aged 2 of 2 photos, faces: 2,")
    assert result.stderr == ""
    assert fake.opened == [(tmp_path, "cuda:1")]
    request = fake.requests[0]
    assert (request.age.years, request.age.relative) == (-10.0, True)
    assert [name for name, _ in request.zones] == ["forehead", "chin"]
    assert (request.faces, request.strength) == ("largest", 0.5)
    assert (tmp_path / "out" / "b" / "c.png").is_file()


def test_batch_some_good(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "black.png", 0)
    (tmp_path / "in" / "notes.txt").write_text("hello")
    (tmp_path / "in" / "broken.jpg").write_text("hello")
    result = run("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert lines[0].startswith("aged 1 of 4 photos")
    assert lines[1] == "left out: 2"
    assert lines[2] == f"  {tmp_path / 'in' / 'black.png'}: no face was found"
    assert lines[3] == f"  {tmp_path / 'in' / 'notes.txt'}: not a picture: its extension is '.txt'"
    assert lines[4] == "not aged: 1"
    assert lines[5].startswith(f"  {tmp_path / 'in' / 'broken.jpg'}: is not a picture")


def test_batch_none_good(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "black.png", 0)
    result = run("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 1
    assert result.stdout.startswith("aged 0 of 1 photos")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".amgan"]


def test_batch_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[CommandPipeline]
) -> None:
    monkeypatch.setattr(fake, "trouble", KeyboardInterrupt())
    for name, level in zip("abc", (100, TROUBLED, TROUBLED), strict=True):
        photo(tmp_path / "in" / f"{name}.png", level)
    result = run("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 130
    assert (
        one_sentence(result)
        == "amgan: interrupted, 1 of 3 photos are aged and written; run the same command again to resume\n"
    )
    assert {p.name for p in (tmp_path / "out").iterdir()} == {".amgan", "a.png"}


def test_batch_shows_progress_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    photo(tmp_path / "in" / "a[b].png")
    result = run("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 0
    assert "1/1" in result.stderr
    assert "a[b].png" in result.stderr


def _on(device: str) -> Capabilities:
    return Capabilities("Fake", device, Precision.FP32, 64, 1)


@pytest.mark.parametrize(
    ("device", "given", "threads"),
    [("cpu", (), 2), ("cuda:0", (), 12), ("cuda:0", ("--jobs", 3), 3), ("cpu", ("--jobs", 5), 5)],
)
def test_jobs_follow_the_device_unless_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, given: tuple[object, ...], threads: int
) -> None:
    asked: list[int] = []
    whole = run_of_batches._Run.run_all

    def over(self: run_of_batches._Run, tasks: list[PhotoTask]) -> list[Outcome]:
        asked.append(self._options.threads)
        return whole(self, tasks)

    monkeypatch.setattr(run_of_batches._Run, "run_all", over)
    monkeypatch.setattr(run_of_batches, "count_cores", lambda: 12)
    monkeypatch.setattr(CommandPipeline, "capabilities", _on(device))
    photo(tmp_path / "in" / "a.png")
    result = run("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70", *given)
    assert result.exit_code == 0, result.output
    assert asked == [threads]


def test_one_core_and_a_gpu_are_two_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_of_batches, "count_cores", lambda: 1)
    assert run_of_batches.threads_for(_on("cuda:0")) == 2
