"""Percentiles: the numbers of NumPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amgan.runtime.face.percentile import median, percentile


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 11, 16, 1001, 50_000])
@pytest.mark.parametrize("percent", [0, 10, 37.5, 70, 90, 100])
def test_is_that_of_numpy(kind: type[np.floating], count: int, percent: float) -> None:
    values = np.random.default_rng(count).normal(90, 40, count).astype(kind)
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), rel=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (1000,), (1, 3), (4, 3), (51, 2, 3)])
def test_median_is_that_of_numpy(kind: type[np.generic], shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(len(shape)).uniform(0, 255, shape).astype(kind)
    found, wanted = median(values), np.median(values, axis=0)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_the_median_of_nothing_is_no_number() -> None:
    assert np.isnan(median(np.zeros((0, 3)))).tolist() == [True] * 3


def test_loads_no_masked_arrays(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from amgan.runtime.face.percentile import median, percentile; "
        "percentile(np.arange(5.0), 90); median(np.arange(5.0)); sys.exit('numpy.ma' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
