"""Photos from file to file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import COLLINS, HOPPER

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import PhotoError, UsageError
from amgan.runtime.pipeline.face_filter import NoFaceError

OLD = Request.parse("70", shape=False, hair=False, neck=False)


def test_age_file_png_keeps_everything_else(pipeline: Pipeline, tmp_path: Path, collins: np.ndarray) -> None:
    target = tmp_path / "old.png"
    aged = pipeline.age_file(COLLINS, str(target), OLD)
    with Image.open(target) as picture:
        assert picture.info["icc_profile"]
        assert np.array_equal(np.asarray(picture), aged.pixels)
    assert np.array_equal(aged.pixels, pipeline.age(collins, OLD).pixels)


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA"])
def test_age_file_with_alpha_or_grey(pipeline: Pipeline, tmp_path: Path, mode: str) -> None:
    with Image.open(HOPPER) as picture:
        source = picture.convert(mode)
    if mode.endswith("A"):
        source.putalpha(Image.linear_gradient("L").resize(source.size))
    source.save(tmp_path / "a.png")
    aged = pipeline.age_file(tmp_path / "a.png", tmp_path / "b.png", OLD)
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.mode == mode
        before, after = np.asarray(source), np.asarray(picture)
    if mode.endswith("A"):
        assert np.array_equal(before[..., -1], after[..., -1])
    x0, y0, x1, y1 = aged.faces[0].face.reach
    inside = np.zeros(before.shape[:2], bool)
    inside[int(y0) - 3 : int(y1) + 3, int(x0) - 3 : int(x1) + 3] = True
    assert np.array_equal(before[~inside], after[~inside])
    assert (before[inside] != after[inside]).any()


def test_age_file_refusals(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="does not exist"):
        pipeline.age_file(tmp_path / "none.jpg", tmp_path / "b.jpg", OLD)
    Image.new("RGB", (99, 99)).save(tmp_path / "a.jpg")
    with pytest.raises(NoFaceError, match=r"a\.jpg': no face"):
        pipeline.age_file(tmp_path / "a.jpg", tmp_path / "b.jpg", OLD)
    with pytest.raises(UsageError, match="the photo itself"):
        pipeline.age_file(tmp_path / "a.jpg", tmp_path / "x" / ".." / "a.jpg", OLD)
    with pytest.raises(PhotoError, match=r"b\.gif' must end like"):  # before a face is looked for
        pipeline.age_file(tmp_path / "a.jpg", tmp_path / "b.gif", OLD)
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]
