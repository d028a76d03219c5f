"""The page on videos and the command: the page's commands run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from support.command_line import run
from support.made_videos import moving, planes_of, times_of, write_video

from amgan.runtime.errors import MissingDependencyError
from amgan.runtime.video import library

PAGE = Path(__file__).parents[2] / "docs" / "video.md"


@pytest.fixture
def folder(tmp_path: Path, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_video(tmp_path / "clip.mp4", moving(hopper, 12), "libx264", sound=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def video(*arguments: str) -> tuple[int, str]:
    done = run("video", *arguments)
    return done.exit_code, done.output


def test_the_commands_of_the_page(folder: Path, tiny_bundle: Path) -> None:
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    lines = block[1].strip().splitlines()
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[:2] == ["amgan", "video"]
        code, output = video(*words[2:], "--device", "cpu", "--model", str(tiny_bundle), "--include-children")
        assert code == 0, output
    for name in ("old.mp4", "years.mp4", "one.mp4"):
        assert times_of(folder / name) == times_of(folder / "clip.mp4")
    assert (folder / "faces.png").stat().st_size > 1000
    assert len(planes_of(folder / "part.mkv")) == 10


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["clip.mp4", "--age", "70"], "give -o with the video to write"),
        (["clip.mp4", "-o", "x.mp4", "--list-faces", "x.png"], "and not both"),
        (["clip.mp4", "-o", "x.mp4", "--age", "70", "--start", "soon"], "is not a time"),
        (["clip.mp4", "-o", "x.gif", "--age", "70"], "no kind of video that can be written"),
        (["clip.mp4", "--list-faces", "x.tiff"], "cannot hold a sheet"),
        (["clip.mp4", "-o", "x.webm", "--age", "70"], "cannot hold the audio of the video"),
        (["clip.mp4", "-o", "x.mp4"], "nothing was asked for"),
    ],
)
def test_wrong_use(folder: Path, tiny_bundle: Path, arguments: list[str], sentence: str) -> None:
    code, output = video(*arguments, "--device", "cpu", "--model", str(tiny_bundle), "--include-children")
    assert (code, sentence in output) == (2, True), output
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_a_video_without_faces_has_no_sheet(folder: Path, tiny_bundle: Path) -> None:
    write_video(folder / "grey.mp4", [np.full((64, 64, 3), 99, np.uint8)] * 3, "libx264")
    code, output = video("grey.mp4", "--list-faces", "x.png", "--device", "cpu", "--model", str(tiny_bundle))
    assert (code, "shows no face" in output) == (2, True), output


def test_pyav_is_missing_or_old(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import av

    monkeypatch.setattr(av, "__version__", "14.1.0")
    with pytest.raises(MissingDependencyError, match="PyAV 18 or newer, not 14"):
        library.load_av("x.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"'x\.mp4' needs PyAV, which is not installed"):
        library.load_av("x.mp4")
