"""The options of `amgan run-batch` that are about the run itself, with a fake pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support.command_line import one_sentence, run
from support.fake_pipeline import OpenedPipeline, photo

from amgan.runtime.batch import ray_runner as batch_ray
from amgan.runtime.pipeline import pipeline
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.lock import lock_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two photos in in/, one of them without a face."""
    monkeypatch.setattr(pipeline, "Pipeline", OpenedPipeline)
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    photo(Path("in/a.png"))
    photo(Path("in/black.png"), 0)
    return tmp_path


def batch(*arguments: object, stdin: bytes | None = None) -> Result:
    return run("run-batch", *arguments, "-o", "out", "--age", "70", "--device", "cpu", stdin=stdin)


def test_a_second_run_only_looks(here: Path) -> None:
    assert batch("in").stdout.startswith("aged 1 of 2 photos")
    result = batch("in")
    assert result.exit_code == 0
    assert result.stdout.startswith("aged 0 of 2 photos")
    assert "done before: 1" in result.stdout
    assert batch("in", "--force").stdout.startswith("aged 1 of 2 photos")
    assert batch("in", "--strength", "0.5").stdout.startswith("aged 1 of 2 photos")


@pytest.mark.parametrize(("no_face", "code", "says"), [("copy", 0, "copied: 1"), ("error", 3, "not aged: 1")])
def test_photos_without_a_face(no_face: str, code: int, says: str) -> None:
    result = batch("in", "--no-face", no_face)
    assert result.exit_code == code
    assert says in result.stdout
    assert Path("out/black.png").exists() == (no_face == "copy")


def test_lists_and_patterns() -> None:
    assert batch("--files-from", "-", stdin=b"in/a.png\n").stdout.startswith("aged 1 of 1 ")
    assert Path("out/in/a.png").is_file()
    Path("list").write_text("in/a.png\n")
    assert batch("in/*.png", "--files-from", "list").stdout.startswith("aged 1 of 3 ")
    assert batch().exit_code == 2
    assert "there is nothing to do" in batch().stderr


def test_report_and_gallery() -> None:
    Path("in/broken.jpg").write_text("no picture")
    result = batch("in", "--report", "r.jsonl", "--gallery")
    assert result.exit_code == 3
    assert "gallery: out/index.html" in result.stdout
    outcomes = [json.loads(line)["outcome"] for line in Path("r.jsonl").read_text().splitlines()]
    assert outcomes == ["aged", "skipped", "failed"]
    assert "out: at 70" in Path("out/index.html").read_text()


def test_long_lists_are_cut() -> None:
    for number in range(60):
        Path(f"in/{number}.txt").write_text("")
    assert "  and 11 more: --report FILE lists them all" in batch("in").stdout


def test_memory() -> None:
    result = batch("in/a.png", "--limit-memory", "100")
    assert result.exit_code == 1
    assert "over the limit of" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["in", "--limit-memory", "much"], "'much' is not a size of memory"),
        (["in", "--ray-address", "local"], "--ray-address is for --engine ray"),
        (["in", "--files-from", "gone"], "'gone' cannot be read"),
        (["in", "--min-face", "-1"], "min-face"),
        (["in", "--faces", "0"], "is not a choice of faces"),
        (["in", "--jobs", "0"], "jobs"),
    ],
)
def test_wrong_use(arguments: list[str], says: str) -> None:
    result = batch(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert not Path("out").exists()


def test_a_single_picture_has_no_gallery() -> None:
    command = ["run-batch", "in/a.png", "-o", "b.png", "--age", "70", "--gallery"]
    result = run(*command)
    assert result.exit_code == 2
    assert "'b.png' is one picture, and a gallery needs a folder" in result.stderr


def test_a_folder_that_another_run_uses() -> None:
    with lock_folder(Location("out")):
        result = batch("in")
    assert result.exit_code == 2
    assert "is in use by another run (process" in one_sentence(result)


def test_the_engine_ray_is_asked_for_the_same_things(monkeypatch: pytest.MonkeyPatch) -> None:
    from amgan.runtime.batch.run import Runner, local_runner

    asked: list[Any] = []

    def fake_runner(choice: Any, workers: int | None, address: str | None) -> Runner:
        asked.append((choice, workers, address))
        return local_runner(OpenedPipeline())  # type: ignore[arg-type]

    monkeypatch.setattr(batch_ray, "ray_runner", fake_runner)
    result = batch("in", "--engine", "ray", "--workers", 2, "--ray-address", "local", "--model", "b")
    assert result.exit_code == 0, result.output
    ((choice, workers, address),) = asked
    assert (choice.model, choice.device, workers, address) == (Path("b").absolute(), "cpu", 2, "local")
    assert "done before: 1" in batch("in").stdout


def test_another_format_and_a_suffix() -> None:
    result = batch("in", "--format", "jpg", "--quality", "80", "--suffix", "_70")
    assert result.exit_code == 0, result.output
    assert [path.name for path in sorted(Path("out").glob("[!.]*"))] == ["a_70.jpg"]
    assert Path("out/a_70.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "done before: 1" in batch("in", "--format", "jpg", "--quality", "80", "--suffix", "_70").stdout
    assert batch("in", "--format", "jpg", "--quality", "70", "--suffix", "_70").stdout.startswith("aged 1 ")
    refused = batch("in", "--format", "gif")
    assert (refused.exit_code, "no format that can be written" in refused.stderr) == (2, True)
    assert batch("in", "--quality", "0").exit_code == 2


def test_quiet_leaves_only_what_failed() -> None:
    done = batch("in", "-q")
    assert (done.exit_code, done.output) == (0, "")
    Path("in/text.png").write_text("no picture")
    failed = batch("in", "--quiet")
    assert (failed.exit_code, failed.stdout) == (3, "")
    assert failed.stderr.startswith("not aged: 1\n  in/text.png: ")
