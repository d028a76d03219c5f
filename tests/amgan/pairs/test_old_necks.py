"""The planes of old necks: what a marked neck shows, on cells below the chin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amgan.pairs.old_necks import (
    CELLS,
    COLUMNS,
    LIMITS,
    NECKS,
    ROWS,
    MarkedNeck,
    completed,
    old_neck,
    write_old_necks,
)
from amgan.runtime.face import neck
from amgan.runtime.face.finder import FaceFinder


@pytest.fixture(scope="module")
def planes(collins: np.ndarray) -> np.ndarray:
    skin = ((250, 300), (700, 300), (700, 800), (250, 800))
    return old_neck(
        collins, FaceFinder().find(collins)[0], MarkedNeck("collins.jpg", skin, (((250, 500), (700, 500)),))
    )


def test_a_neck_has_limited_lines_folds_and_mottling(planes: np.ndarray) -> None:
    assert planes.shape == (4, ROWS, COLUMNS)
    for plane, limit in zip(planes[:3], LIMITS, strict=True):
        assert plane.std() > 0.001
        assert np.abs(plane).max() <= 2.0 * limit
    assert planes[3].min() >= 0.0
    assert planes[3].max() > 0.95
    assert (planes[3][:, COLUMNS // 2] < 0.2).sum() > 5  # the chain


def test_the_first_neck_completes_the_others(planes: np.ndarray) -> None:
    second = planes.copy()
    second[:] = 0.0
    (whole,) = completed([planes, second])
    np.testing.assert_allclose(whole[0], planes[3] * planes[0], atol=1e-6)
    assert not whole[1].any()  # folds are a neck's own


def test_what_is_written_is_read_by_the_runtime(
    planes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    necks = np.clip(planes[None, :3], -0.08, 0.08)
    write_old_necks(necks, tmp_path / "necks.npz")
    monkeypatch.setattr(neck, "_FILE", tmp_path / "necks.npz")
    read, cells = neck._old_necks.__wrapped__()
    assert cells == CELLS
    np.testing.assert_allclose(read[:, 0], necks[:, 0], atol=LIMITS[0] / 127)
    assert np.abs(read[:, 1] - necks[:, 1]).mean() < 0.003


def test_the_necks_that_ship_are_marked() -> None:
    read, cells = neck._old_necks()
    assert read.shape == (len(NECKS) - 1, 3, ROWS, COLUMNS)
    assert cells == CELLS
    assert all(read[number].std() > 0.01 for number in range(len(read)))
