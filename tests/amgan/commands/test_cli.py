"""The command line: options, messages and exit codes, with a fake pipeline."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.command_line import one_sentence, refuse, run
from support.command_pipeline import CommandPipeline
from support.fake_pipeline import FACES, photo

from amgan import __version__
from amgan.cli import COMMANDS, main
from amgan.commands import run_batch as run_batch_command
from amgan.commands.output import _line_a_minute, progress_bar
from amgan.runtime.errors import BundleError
from amgan.runtime.pipeline.results import AgedPhoto

pytestmark = pytest.mark.usefixtures("fake")


def test_help_lists_all_commands_with_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "amgan run-batch photos -o aged --age 70 " in result.output
    for name in COMMANDS:
        assert f"\n  {name} " in result.output
        told = run(name, "--help")
        assert told.exit_code == 0
        assert f"\n    amgan {name}" in told.output, name


def test_every_option_is_explained_with_its_default() -> None:
    for name in COMMANDS:
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        for option in command.params:
            if option.param_type_name == "option":
                assert option.help, (name, option.name)  # type: ignore[attr-defined]
                assert option.required or option.show_default, (name, option.name)  # type: ignore[attr-defined]


def test_version_and_unknown_command() -> None:
    assert __version__ in run("--version").output
    assert run("fly").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing", "-o", "out", "--age", "70"], "'nothing' does not exist"),
        (["in", "-o", "in", "--age", "70"], "never overwritten"),
        (["in", "-o", "out"], "nothing was asked for"),
        (["in", "-o", "out", "--age", "old"], "'old' is not an age"),
        (["in", "-o", "out", "--zone", "elbow=+3"], "no zone 'elbow'"),
        (["in", "-o", "out", "--zone", "forehead"], "not a zone with an age"),
        (["in", "-o", "out", "--age", "70", "--strength", "nan"], "strength"),
        (["in", "-o", "out", "--age", "70", "--device", "tpu"], "'tpu' is not known"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake: type[CommandPipeline],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "in" / "a.png")
    assert says in refuse("run-batch", *arguments)
    assert fake.opened == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [["in"], ["-o", "out"], ["in", "-o", "out", "--faces", "none"], ["in", "-o", "o", "--x"]]
)
def test_wrong_options_are_exit_code_2(arguments: list[str]) -> None:
    assert run("run-batch", *arguments).exit_code == 2


def test_bundle_trouble_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[CommandPipeline]
) -> None:
    def refuse(*args: object, opened: None) -> None:
        raise BundleError("the bundle is damaged: copy it again")

    monkeypatch.setattr(fake, "__init__", refuse)
    result = run("age", photo(tmp_path / "a.png"), "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 1
    assert one_sentence(result) == "amgan: the bundle is damaged: copy it again\n"


def test_unexpected_errors_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[CommandPipeline]
) -> None:
    def crash(*args: object, opened: None) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(fake, "__init__", crash)
    arguments = ("age", photo(tmp_path / "a.png"), "-o", tmp_path / "out", "--age", "70")
    result = run(*arguments)
    assert result.exit_code == 1
    assert one_sentence(result).startswith(
        "amgan: unexpected RuntimeError: two lines (run with AMGAN_DEBUG=1"
    )
    monkeypatch.setenv("AMGAN_DEBUG", "1")
    result = run(*arguments)
    assert (result.exit_code, "Traceback" in result.stderr) == (1, True)


def test_age_one_photo(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = run("age", source, "-o", tmp_path / "new" / "old.png", "--age", "70")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == f"{tmp_path / 'new' / 'old.png'}: 1 face aged"
    assert np.asarray(Image.open(tmp_path / "new" / "old.png"))[0, 0, 0] == 155
    batch = run("run-batch", source, "-o", tmp_path / "batch", "--age", "70")
    assert batch.exit_code == 0
    assert (tmp_path / "batch" / "a.png").read_bytes() == (tmp_path / "new" / "old.png").read_bytes()


def test_age_to_stdout(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = run("age", source, "-o", "-", "--age", "70", "--device", "auto")
    assert result.exit_code == 0, result.output
    assert np.asarray(Image.open(io.BytesIO(result.stdout_bytes)))[0, 0, 0] == 155
    assert result.stderr.startswith("stdout: 1 face aged\nengine: ")
    quiet = run("age", source, "-o", "-", "--age", "70", "--format", "jpg", "-q")
    assert (quiet.stdout_bytes[:2], quiet.stderr) == (b"\xff\xd8", "")
    failed = run("age", photo(tmp_path / "black.png", 0), "-o", "-", "--age", "70")
    assert (failed.exit_code, failed.stdout_bytes) == (1, b"")


def test_age_into_a_folder_in_another_format(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = run("age", source, "-o", tmp_path / "new", "--age", "70", "--format", "tif", "-q")
    assert (result.exit_code, result.output) == (0, "")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.tif"]


def test_age_that_fails(tmp_path: Path) -> None:
    black, out = photo(tmp_path / "black.png", 0), tmp_path / "out"
    (tmp_path / "text.jpg").write_text("no picture")
    for source, output, code, says in (
        (black, out, 1, f"'{black}': no face was found"),
        (tmp_path / "gone.png", out, 1, "gone.png' does not exist"),
        (tmp_path / "text.jpg", out, 1, "text.jpg'"),
        (tmp_path, out, 2, "is a folder"),
        (black, black, 2, "never overwritten"),
    ):
        result = run("age", source, "-o", output, "--age", "70")
        assert result.exit_code == code, (source, result.output)
        assert says in one_sentence(result)
    assert not out.exists()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("batch", "run-batch"),
        ("run", "run-batch"),
        ("estimat", "estimate"),
        ("runbatch", "run-batch"),
        ("Run_Batch", "run-batch"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    result = run(typed, "x.jpg")
    assert result.exit_code == 2
    assert f"No such command '{typed}': did you mean {meant}?" in result.stderr


def test_a_photo_or_a_folder_in_place_of_a_command(tmp_path: Path) -> None:
    picture, folder = photo(tmp_path / "my face.png", 0), tmp_path / "photos"
    folder.mkdir()
    said = run(picture, "-o", "old.png").stderr
    assert f"did you mean amgan age '{picture}' -o old.png?" in said
    assert f"did you mean amgan run-batch {folder} --age 70?" in run(folder, "--age", "70").stderr


def test_a_command_like_none_is_answered_with_help() -> None:
    result = run("qqqq")
    assert result.exit_code == 2
    assert "No such command 'qqqq': see amgan --help" in result.stderr


def test_progress_on_a_terminal_tells_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich import console

    shown, plain = io.StringIO(), console.Console
    monkeypatch.setattr(console, "Console", lambda **given: plain(file=shown, force_terminal=True, width=120))
    with progress_bar("ageing") as advance:
        for done in range(1, 6):
            advance(done, 10, "")
            time.sleep(0.15)  # bars are drawn ten times a second
    assert re.search(r"[1-5]/10", shown.getvalue())
    assert re.search(r"\d\.\d\d/s", shown.getvalue())
    assert re.search(r"\d:\d\d:\d\d", shown.getvalue())


def test_progress_in_a_log_is_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 30.0, 61.0, 90.0, 150.0, 240.0])
    advance = _line_a_minute("ageing", lambda: next(times))
    for done in (1, 2, 3, 4, 10):
        advance(done, 10, "a.jpg")
    assert capsys.readouterr().err.splitlines() == [
        "ageing: 2 of 10, about 4 min left", "ageing: 4 of 10, about 4 min left",
    ]  # fmt: skip


def test_exit_codes() -> None:
    good, bad = SimpleNamespace(status="aged"), SimpleNamespace(status="failed")
    code = run_batch_command.exit_code
    assert code([good, good]) == 0  # type: ignore[list-item]
    assert code([good, bad]) == 3  # type: ignore[list-item]
    assert code([bad]) == 1  # type: ignore[list-item]


def test_what_auto_took_is_said_once(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b.png")
    line = "engine: Fake on cpu in fp32"
    for device, times in (("auto", 1), ("cpu", 0)):
        target = tmp_path / device
        result = run("run-batch", tmp_path / "in", "-o", target, "--age", "70", "--device", device)
        assert result.exit_code == 0, result.output
        assert result.stdout.count(line) == times


def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    def complete(*words: str) -> list[str]:
        asked = {"_AMGAN_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words)}
        asked["COMP_CWORD"] = str(len(words) - 1)
        done = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv[0] = 'amgan'; from amgan.cli import main; main()"],
            env={**os.environ, **asked}, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert complete("amgan", "run") == ["run-batch"]
    assert "--include-children" in complete("amgan", "age", "--in")


def test_a_link_to_no_file_is_named(tmp_path: Path) -> None:
    dead, loop = tmp_path / "dead.jpg", tmp_path / "loop.jpg"
    dead.symlink_to(tmp_path / "gone.jpg")
    loop.symlink_to(loop)
    for link in (dead, loop):
        result = run("age", link, "-o", tmp_path / "old.jpg", "--age", "70")
        assert result.exit_code == 1
        assert f"'{link}' is a link that leads to no file" in one_sentence(result)


def test_a_copy_is_not_said_to_be_aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unchanged(self: CommandPipeline, started: np.ndarray, *, in_place: bool) -> AgedPhoto:
        return AgedPhoto(started.copy(), FACES[:1])

    monkeypatch.setattr(CommandPipeline, "finish", unchanged)
    source = photo(tmp_path / "a.png")
    result = run("age", source, "-o", tmp_path / "same.png", "--age", "+0")
    assert (
        result.stdout.splitlines()[0] == f"{tmp_path / 'same.png'}: a copy of the photo, as nothing changes"
    )
    assert (tmp_path / "same.png").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("value", ["left", "2,3", "100,100", "0"])
def test_a_face_that_is_no_number_is_told_the_other_ways(tmp_path: Path, value: str) -> None:
    result = run("age", tmp_path / "a.png", "-o", tmp_path / "b.png", "--age", "70", "--face", value)
    assert result.exit_code == 2
    told = " ".join(result.stderr.split())
    assert f"'{value}' is not the number of a face: give one that `amgan estimate` lists" in told
    assert "side, point or box with --faces" in told
