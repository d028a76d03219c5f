"""Folders of numbered frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.made_videos import background, moving

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import UsageError, VideoError
from amgan.runtime.video.folder import FolderSource, list_frames
from amgan.runtime.video.prepare import working_folder
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

ASKED = VideoRequest.parse(Request(include_children=True), "75")


def write_frames(folder: Path, pictures: list[np.ndarray], first: int = 8) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures, start=first):
        Image.fromarray(picture).save(folder / f"shot_{number}.png")
    return folder


@pytest.fixture
def frames(tmp_path: Path, hopper: np.ndarray) -> Path:
    return write_frames(tmp_path / "in", [background()] * 2 + moving(hopper, 4))


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_frames_in_and_out(pipeline: Pipeline, frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = VideoSession(frames, out, ASKED).run(pipeline)
    assert (result.pictures, result.aged) == (6, 1)
    names = [f"shot_{number}.png" for number in range(8, 14)]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    for number, name in enumerate(names):
        assert np.array_equal(read(frames / name), read(out / name)) == (number < 2)
    assert not working_folder(out).exists()


def test_sixteen_bits_stay(pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    for number, picture in enumerate(moving(hopper, 2)):
        deep = picture[..., ::-1].astype(int) * 257 - 3 * (picture[..., ::-1] > 9)
        cv2.imwrite(str(folder / f"f{number}.png"), deep.astype(np.uint16))
    VideoSession(folder, tmp_path / "out", ASKED).run(pipeline)
    one, other = (
        cv2.imread(str(place / "f1.png"), cv2.IMREAD_UNCHANGED) for place in (folder, tmp_path / "out")
    )
    assert other.dtype == np.uint16
    changed = (one != other).any(axis=2)
    assert 0.01 < changed.mean() < 0.3


def test_a_killed_run_goes_on(pipeline: Pipeline, frames: Path, tmp_path: Path) -> None:
    session = VideoSession(frames, tmp_path / "out", ASKED, segment_seconds=0.12)  # 3 frames
    kept = []

    def stop(done: int, total: int, what: str) -> None:
        if what == "ageing" and done == 5:
            kept.extend(sorted(path.name for path in working_folder(session.output).glob("*.averages.npz")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.run(pipeline, stop)
    assert kept == ["000000.averages.npz"]
    assert session.run(pipeline).resumed == 3
    replace(session, output=tmp_path / "whole").run(pipeline)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()


def test_numbers_not_names_give_the_order(frames: Path) -> None:
    assert [path.name for path in list_frames(frames).paths][:3] == [
        "shot_8.png",
        "shot_9.png",
        "shot_10.png",
    ]
    source = FolderSource(list_frames(frames), 2.0, 0.5, 1.5)
    assert [path.name for path in source.paths] == ["shot_9.png", "shot_10.png"]


def test_folders_that_are_no_video(pipeline: Pipeline, frames: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no numbered frames"):
        VideoSession(tmp_path / "empty", tmp_path / "out", ASKED).run(pipeline)
    with pytest.raises(UsageError, match="no frame between"):
        VideoSession(frames, tmp_path / "out", ASKED, start=9.0).run(pipeline)
    with pytest.raises(UsageError, match="leave `codec`"):
        VideoSession(frames, tmp_path / "out", ASKED, codec="h264").run(pipeline)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        VideoSession(frames, tmp_path / "file", ASKED).run(pipeline)
    (frames / "shot_10.png").write_bytes((frames / "shot_10.png").read_bytes()[:900])
    with pytest.raises(VideoError, match=r"shot_10\.png' is damaged"):
        VideoSession(frames, tmp_path / "out", ASKED).run(pipeline)
    Image.fromarray(background()[:99]).save(frames / "shot_10.png")
    with pytest.raises(VideoError, match="another size"):
        VideoSession(frames, tmp_path / "out", ASKED).run(pipeline)
    Image.fromarray(background()).save(frames / "other_1.png")
    with pytest.raises(UsageError, match="several kinds"):
        VideoSession(frames, tmp_path / "out", ASKED).run(pipeline)
    assert not (tmp_path / "out").exists()
