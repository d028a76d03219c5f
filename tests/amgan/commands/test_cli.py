"""The command line: options, messages and exit codes, with a fake pipeline."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fake_pipeline import FACES, MANIFEST
from PIL import Image

from amgan import __version__
from amgan.cli import COMMANDS, main
from amgan.commands import run_batch as run_batch_command
from amgan.commands.output import _line_a_minute
from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.errors import BundleError
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline import pipeline
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.pipeline import AgedPhoto

TROUBLED = 7


class FakePipeline:
    """Inverts photos, finds no face in black ones, and remembers how it was opened."""

    opened: list[tuple[Any, str]] = []  # noqa: RUF012
    requests: list[Any] = []  # noqa: RUF012
    trouble: BaseException | None = None

    def __init__(self, model: Any = None, device: str = "auto", precision: str | None = None) -> None:
        self.opened.append((model, device))

    def __enter__(self) -> FakePipeline:
        return self

    def __exit__(self, *what: object) -> None:
        pass

    @property
    def capabilities(self) -> Any:
        return Capabilities("Fake", "cpu", Precision.FP32, 64, 1, reason="there is nothing else")

    @property
    def manifest(self) -> Any:
        return MANIFEST

    def start(self, rgb: Any, request: Any, label: str) -> Any:
        self.requests.append(request)
        if self.trouble is not None and rgb.max() == TROUBLED:
            raise self.trouble
        if not rgb.any():
            raise NoFaceError("no face was found")
        return rgb

    def finish(self, started: Any, *, in_place: bool) -> Any:
        return AgedPhoto((255 - started).astype(np.uint8), FACES[:1])

    def estimate(self, rgb: Any) -> Any:
        if not rgb.any():
            return []
        face = SimpleNamespace(box=(1.0, 2.0, 30.04, 40.0), width_px=29.0)
        return [
            (face, FaceAges(41.26, dict.fromkeys(PART_NAMES, 41.2) | {"forehead": 50.0, "chin": 33.3})),
            (face, FaceAges(9.0, dict.fromkeys(PART_NAMES, 9.0) | {"forehead": 1.0, "chin": 2.0})),
        ]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePipeline]:
    monkeypatch.setattr(FakePipeline, "opened", [])
    monkeypatch.setattr(FakePipeline, "requests", [])
    monkeypatch.setattr(FakePipeline, "trouble", None)
    monkeypatch.setattr(pipeline, "Pipeline", FakePipeline)
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)
    return FakePipeline


def amgan(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def photo(path: Path, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 6, 3), level, np.uint8)).save(path)
    return path


def one_sentence(result: Result) -> str:
    assert result.stderr.startswith("amgan: ")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


def test_help_lists_all_commands_with_examples() -> None:
    result = amgan("--help")
    assert result.exit_code == 0
    assert "amgan run-batch photos -o aged --age 70 " in result.output
    for name in COMMANDS:
        assert f"\n  {name} " in result.output
        told = amgan(name, "--help")
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
    assert __version__ in amgan("--version").output
    assert amgan("fly").exit_code == 2


def test_batch_all_good(tmp_path: Path, fake: type[FakePipeline]) -> None:
    photo(tmp_path / "in" / "a.png")
    photo(tmp_path / "in" / "b" / "c.png")
    result = amgan(
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
    result = amgan("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert lines[0].startswith("aged 1 of 4 photos")
    assert lines[1] == "left out: 2"
    assert lines[2] == f"  {tmp_path / 'in' / 'black.png'}: no face was found"
    assert lines[3] == f"  {tmp_path / 'in' / 'notes.txt'}: not a picture: its name ends in '.txt'"
    assert lines[4] == "not aged: 1"
    assert lines[5].startswith(f"  {tmp_path / 'in' / 'broken.jpg'}: is not a picture")


def test_batch_none_good(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "black.png", 0)
    result = amgan("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 1
    assert result.stdout.startswith("aged 0 of 1 photos")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".amgan"]


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[FakePipeline], arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "in" / "a.png")
    result = amgan("run-batch", *arguments)
    assert result.exit_code == 2
    assert says in one_sentence(result)
    assert fake.opened == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [["in"], ["-o", "out"], ["in", "-o", "out", "--faces", "none"], ["in", "-o", "o", "--x"]]
)
def test_wrong_options_are_exit_code_2(arguments: list[str]) -> None:
    assert amgan("run-batch", *arguments).exit_code == 2


def test_batch_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[FakePipeline]) -> None:
    monkeypatch.setattr(fake, "trouble", KeyboardInterrupt())
    for name, level in zip("abc", (100, TROUBLED, TROUBLED), strict=True):
        photo(tmp_path / "in" / f"{name}.png", level)
    result = amgan("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 130
    assert (
        one_sentence(result)
        == "amgan: interrupted, 1 of 3 photos are aged and written; give the same command again to go on\n"
    )
    assert {p.name for p in (tmp_path / "out").iterdir()} == {".amgan", "a.png"}


def test_batch_shows_progress_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    photo(tmp_path / "in" / "a[b].png")
    result = amgan("run-batch", tmp_path / "in", "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 0
    assert "1/1" in result.stderr
    assert "a[b].png" in result.stderr


def test_bundle_trouble_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[FakePipeline]
) -> None:
    def refuse(*args: object) -> None:
        raise BundleError("the bundle is damaged: copy it again")

    monkeypatch.setattr(fake, "__init__", refuse)
    result = amgan("age", photo(tmp_path / "a.png"), "-o", tmp_path / "out", "--age", "70")
    assert result.exit_code == 1
    assert one_sentence(result) == "amgan: the bundle is damaged: copy it again\n"


def test_unexpected_errors_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[FakePipeline]
) -> None:
    def crash(*args: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(fake, "__init__", crash)
    arguments = ("age", photo(tmp_path / "a.png"), "-o", tmp_path / "out", "--age", "70")
    result = amgan(*arguments)
    assert result.exit_code == 1
    assert one_sentence(result).startswith(
        "amgan: unexpected RuntimeError: two lines (run with AMGAN_DEBUG=1"
    )
    monkeypatch.setenv("AMGAN_DEBUG", "1")
    result = amgan(*arguments)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_age_one_photo(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = amgan("age", source, "-o", tmp_path / "new" / "old.png", "--age", "70")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == f"{tmp_path / 'new' / 'old.png'}: 1 face aged"
    assert np.asarray(Image.open(tmp_path / "new" / "old.png"))[0, 0, 0] == 155
    batch = amgan("run-batch", source, "-o", tmp_path / "batch", "--age", "70")
    assert batch.exit_code == 0
    assert (tmp_path / "batch" / "a.png").read_bytes() == (tmp_path / "new" / "old.png").read_bytes()


def test_age_to_stdout(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = amgan("age", source, "-o", "-", "--age", "70", "--device", "auto")
    assert result.exit_code == 0, result.output
    assert np.asarray(Image.open(io.BytesIO(result.stdout_bytes)))[0, 0, 0] == 155
    assert result.stderr.startswith("stdout: 1 face aged\nengine: ")
    quiet = amgan("age", source, "-o", "-", "--age", "70", "--format", "jpg", "-q")
    assert (quiet.stdout_bytes[:2], quiet.stderr) == (b"\xff\xd8", "")
    failed = amgan("age", photo(tmp_path / "black.png", 0), "-o", "-", "--age", "70")
    assert (failed.exit_code, failed.stdout_bytes) == (1, b"")


def test_age_into_a_folder_in_another_format(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = amgan("age", source, "-o", tmp_path / "new", "--age", "70", "--format", "tif", "-q")
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
        result = amgan("age", source, "-o", output, "--age", "70")
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
    result = amgan(typed, "x.jpg")
    assert result.exit_code == 2
    assert f"No such command '{typed}': did you mean {meant}?" in result.stderr


def test_a_photo_or_a_folder_in_place_of_a_command(tmp_path: Path) -> None:
    picture, folder = photo(tmp_path / "my face.png", 0), tmp_path / "photos"
    folder.mkdir()
    said = amgan(picture, "-o", "old.png").stderr
    assert f"did you mean amgan age '{picture}' -o old.png?" in said
    assert f"did you mean amgan run-batch {folder} --age 70?" in amgan(folder, "--age", "70").stderr


def test_a_command_like_none_is_answered_with_help() -> None:
    result = amgan("qqqq")
    assert result.exit_code == 2
    assert "No such command 'qqqq': see amgan --help" in result.stderr


def test_progress_in_a_log_is_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 30.0, 61.0, 90.0, 150.0, 240.0])
    advance = _line_a_minute("ageing", lambda: next(times))
    for done in (1, 2, 3, 4, 10):
        advance(done, 10, "a.jpg")
    assert capsys.readouterr().err.splitlines() == [
        "ageing: 2 of 10, about 4 min left", "ageing: 4 of 10, about 4 min left",
    ]  # fmt: skip


def test_estimate_as_json(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = amgan("estimate", source, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["photo"] == str(source)
    assert told["faces"][0] == {
        "face": 1,
        "box": [1.0, 2.0, 30.0, 40.0],
        "age": 41.3,  # the mean of the fifteen zones
        "zones": dict.fromkeys(PART_NAMES, 41.2) | {"forehead": 50.0, "chin": 33.3},
    }
    assert len(told["faces"]) == 2


def test_estimate_as_a_table(tmp_path: Path) -> None:
    result = amgan("estimate", photo(tmp_path / "a.png"))
    assert result.exit_code == 0, result.output
    for word in ("face 1", "face 2", "forehead", "chin", "41", "50", "33"):
        assert word in result.stdout


@pytest.mark.parametrize("name", ["me [edited].png", "a:smile:.png", "x[/b].png", "[bold]x.png"])
def test_estimate_shows_names_as_they_are(tmp_path: Path, name: str) -> None:
    source = photo(tmp_path / name)
    result = amgan("estimate", source)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == f"{source}: apparent age in years"


def test_estimate_of_many_faces_loses_no_number(
    tmp_path: Path, fake: type[FakePipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [
        (
            SimpleNamespace(box=(10_000.0 + n, 20_000.0, 1.0, 1.0)),
            FaceAges(30.0, dict.fromkeys(PART_NAMES, 50.0 + n)),
        )
        for n in range(24)
    ]
    monkeypatch.setattr(fake, "estimate", lambda self, rgb: faces)
    result = amgan("estimate", photo(tmp_path / "a.png"))
    lines = result.stdout.splitlines()
    headings = " ".join(lines)
    for n in range(24):
        assert f"face {n + 1} " in headings
        assert f"at {10_000 + n}, 20000" in headings
    shown = [word for line in lines if "chin" in line for word in line.replace("\u2502", " ").split()[1:]]
    assert shown == [str(50 + n) for n in range(24)]


def test_estimate_draws_the_numbers(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = amgan("estimate", source, "--draw", tmp_path / "numbers.png")
    assert result.exit_code == 0, result.output
    with Image.open(source) as before, Image.open(tmp_path / "numbers.png") as drawn:
        assert drawn.size == before.size
    result = amgan("estimate", source, "--draw", source)
    assert result.exit_code == 2
    one_sentence(result)


def test_faces_are_chosen_by_number_or_place(tmp_path: Path, fake: type[FakePipeline]) -> None:
    source = photo(tmp_path / "a.png")
    for options, chosen in (
        (("--face", 2), "#2"),
        (("--face", 2, "--face", 1), "#2,#1"),
        (("--faces", "left"), "left"),
        (("--faces", "10,20"), "10,20"),
        ((), "all"),
    ):
        result = amgan("age", source, "-o", tmp_path / "out.png", "--age", 70, *options)
        assert result.exit_code == 0, result.output
        assert fake.requests[-1].faces == chosen
    for options in (("--face", 2, "--faces", "left"), ("--faces", "left", "--face", 2), ("--face", 0)):
        assert amgan("age", source, "-o", tmp_path / "x.png", "--age", 70, *options).exit_code == 2


def test_estimate_that_fails(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for source, code in (
        (photo(tmp_path / "b.png", 0), 1),
        (tmp_path / "gone.png", 1),
        (tmp_path / "text.jpg", 1),
        (tmp_path, 2),
    ):
        result = amgan("estimate", source)
        assert result.exit_code == code, source
        one_sentence(result)


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
        result = amgan("run-batch", tmp_path / "in", "-o", target, "--age", "70", "--device", device)
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
