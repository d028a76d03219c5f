"""What comes before a face for some pictures: the change fades, and nothing of it falls on what covers it."""

from __future__ import annotations

import numpy as np
import pytest
from support.made_videos import HEIGHT, WIDTH, moving, planes_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

COUNT, COMES, GOES = 46, 8, 30
"""The board begins to come, and to go, with these pictures; it takes STEPS of them each time."""
STEPS = 8


def board_at(number: int) -> int:
    """How many rows of the picture the board covers, from below."""
    share = np.clip((number - COMES) / STEPS, 0, 1) - np.clip((number - GOES) / STEPS, 0, 1)
    return round(HEIGHT * float(share))


@pytest.fixture(scope="module")
def amounts(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[np.ndarray, np.ndarray]:
    """Mean change of the luma in every picture: on the board, and on what is not covered."""
    folder = tmp_path_factory.mktemp("cover")
    pictures = moving(hopper, COUNT, step=0.0)
    board = np.random.default_rng(2).integers(70, 110, (HEIGHT, WIDTH, 1)).astype(np.uint8)
    for number, picture in enumerate(pictures):
        top = HEIGHT - board_at(number)
        picture[top:] = board[top:] * np.ones(3, np.uint8)
    source = write_video(folder / "in.mkv", pictures)
    wish = VideoRequest.parse(Request(include_children=True), "75")
    VideoSession(source, folder / "out.mkv", wish).run(pipeline)
    found = []
    for number, (one, other) in enumerate(zip(planes_of(source), planes_of(folder / "out.mkv"), strict=True)):
        change = np.abs(one[:HEIGHT].astype(float) - other[:HEIGHT])
        top = HEIGHT - board_at(number)
        found.append((change[top:].sum(), change[:top].sum()))
    on_board, beside = np.array(found).T / (HEIGHT * WIDTH)
    return on_board, beside


def test_the_change_fades_out_and_in(amounts: tuple[np.ndarray, np.ndarray]) -> None:
    _, beside = amounts
    before = beside[2:COMES].mean()
    assert before > 0.2
    assert not beside[COMES + STEPS : GOES].any()  # nothing is seen of the face
    after = beside[GOES + STEPS :]
    assert after[-1] > 0.8 * before
    # It comes back softly: what one picture adds is a part of the whole.
    assert np.diff(beside[GOES:]).max() < 0.5 * before


def test_nothing_falls_on_what_covers_it(amounts: tuple[np.ndarray, np.ndarray]) -> None:
    on_board, beside = amounts
    assert on_board.max() < 0.1 * beside.max()
