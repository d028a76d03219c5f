"""Parts of pictures as RGB, and changes added to planes."""

from __future__ import annotations

import av
import numpy as np
import pytest
from support.made_videos import background

from amgan.runtime.errors import VideoError
from amgan.runtime.video.layout import layout_of, planar_name
from amgan.runtime.video.picture import StillPicture, VideoPicture

KINDS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gbrp", "gbrp10le")


def frame(kind: str, matrix: int = 1, full: bool = False) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(background(), "rgb24")
    if kind.startswith("gbrp"):
        return made.reformat(format=kind)
    made = made.reformat(
        format=kind, dst_colorspace={1: "ITU709", 5: "ITU601"}[matrix], dst_color_range=2 if full else 1
    )
    made.colorspace, made.color_range = matrix, 2 if full else 1
    return made


def planes(made: av.VideoFrame) -> list[np.ndarray]:
    picture = VideoPicture(made)
    return [picture._plane(number).copy() for number in range(3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, True)])
def test_rgb_is_that_of_the_picture(kind: str, matrix: int, full: bool) -> None:
    found = VideoPicture(frame(kind, matrix, full)).rgb()
    assert np.abs(found.astype(int) - background()).mean() < 1.5


@pytest.mark.parametrize("kind", ["yuv420p", "yuv422p10le", "gbrp"])
def test_a_part_has_the_samples_of_the_whole(kind: str) -> None:
    picture = VideoPicture(frame(kind))
    for x0, y0, x1, y1 in ((31, 17, 90, 121), (0, 0, 33, 7), (250, 201, 320, 240)):
        assert np.array_equal(picture.rgb((x0, y0, x1, y1)), picture.rgb()[y0:y1, x0:x1])


def test_smaller_copies() -> None:
    picture = VideoPicture(frame("yuv420p"))
    small = picture.rgb((10, 20, 113, 140), 4)
    assert small.shape == (30, 25, 3)
    means = picture.rgb()[20:140, 10:110].reshape(30, 4, 25, 4, 3).mean(axis=(1, 3))
    apart = small - means
    assert np.abs(apart).max() < 4.0 and np.abs(apart).mean() < 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_arrives_and_nothing_else_changes(kind: str) -> None:
    picture = VideoPicture(frame(kind))
    before, shown = planes(picture.frame), picture.rgb()
    change = np.zeros((41, 51, 3), np.float32)
    change[5:30, 7:40] = (-12.0, 6.0, 9.0)
    picture.add(33, 21, change)
    moved = picture.rgb().astype(float) - shown
    assert np.abs(moved[30:45, 45:65].mean(axis=(0, 1)) - (-12, 6, 9)).max() < 1.0
    for number, plane in enumerate(planes(picture.frame)):
        rows, columns = np.nonzero(plane != before[number])
        right, down = picture.layout.chroma if number else (0, 0)
        assert rows.min() >= 26 >> down and rows.max() <= 50 >> down
        assert columns.min() >= 40 >> right and columns.max() <= 72 >> right


def test_ten_bits_take_fractions_of_a_code() -> None:
    picture = VideoPicture(frame("yuv444p10le"))
    before = planes(picture.frame)[0].astype(int)
    picture.add(0, 0, np.full((8, 8, 3), 0.5, np.float32))
    assert set((planes(picture.frame)[0].astype(int) - before)[:8, :8].ravel()) == {2}


def test_the_decoder_keeps_its_own_picture() -> None:
    made = frame("yuv420p")
    kept = planes(made)
    picture = VideoPicture(made)
    picture.add(0, 0, np.zeros((8, 8, 3), np.float32))
    assert all(map(np.array_equal, planes(made), kept))


def test_samples_end_at_their_scale() -> None:
    picture = StillPicture(np.full((4, 4, 3), 250, np.uint8))
    picture.add(0, 0, np.full((4, 4, 3), 20, np.float32))
    assert (picture.pixels == 255).all()
    made = VideoPicture(frame("gbrp"))
    made.add(0, 0, np.full((4, 4, 3), -999, np.float32))
    assert (made.rgb((0, 0, 4, 4)) == 0).all()


def test_kinds_of_samples() -> None:
    assert planar_name("nv12") == "yuv420p"
    assert planar_name("p010le") == "yuv420p10le"
    with pytest.raises(VideoError, match="'xyz12le' cannot be changed"):
        planar_name("xyz12le")
    assert layout_of("yuv420p", 2, 1, 1080).red == 0.2126
    assert layout_of("yuv420p", 2, 1, 480).red == 0.299
    assert layout_of("yuvj420p", 2, 0, 480).full
    assert layout_of("gray10le", 2, 1, 480).kind == "gray"
