"""Polygons with soft edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from amgan.runtime.face import extensions
from amgan.runtime.face.soft_polygon import SoftPolygon, soft_polygons

CELLS = 64


def drawn(found: SoftPolygon, cells: int = CELLS) -> np.ndarray:
    canvas = np.zeros((cells, cells), np.float32)
    canvas[found.where] = found.weights
    return canvas


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def test_an_edge_is_a_blurred_step() -> None:
    (found,) = soft_polygons([rectangle(20.25, 10, 70, 54)], CELLS, 2.0)
    row = drawn(found)[32]
    x = np.arange(CELLS) + 0.5 - 20.25
    step = [0.5 + 0.5 * math.erf(at / (2.0 * math.sqrt(2.0))) for at in x]
    assert np.abs(row - step).max() < 0.005
    assert (row[:14] == 0).all()
    assert (row[28:] == 1).all()  # what lies outside of the canvas counts


@pytest.mark.parametrize("deviation", [0.2, 1.28, 2.56, 6.9])
def test_the_weights_add_up_to_the_area(deviation: float) -> None:
    corners = np.array([[30.1, 22.2], [44.7, 30.3], [38.4, 42.9], [25.5, 36.6]])
    x, y = corners.T
    area = 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    for turned in (corners, corners[::-1]):
        (found,) = soft_polygons([turned], CELLS, deviation)
        assert found.weights.sum() == pytest.approx(area, rel=0.003)


def test_polygons_do_not_touch_each_other() -> None:
    shapes = [
        rectangle(5, 5, 30, 20),
        rectangle(-40, -8, 90, 20),
        rectangle(200, 200, 300, 300),
        rectangle(40, 50, 60, 63),
    ]
    together = soft_polygons(shapes, CELLS, 1.5)
    for shape, found in zip(shapes, together, strict=True):
        (alone,) = soft_polygons([shape], CELLS, 1.5)
        assert np.array_equal(drawn(found), drawn(alone))
    assert together[2].weights.size == 0
    assert (drawn(together[1])[6] == 1).all()


def test_a_margin_changes_no_weight() -> None:
    shape = rectangle(-10, 12.3, 41.8, 80)
    (bare,), (wide,) = soft_polygons([shape], CELLS, 3.0), soft_polygons([shape + 9], CELLS + 18, 3.0)
    assert np.array_equal(drawn(wide, CELLS + 18)[9:-9, 9:-9], drawn(bare))


def test_what_is_wound_around_twice_is_inside_once() -> None:
    once = rectangle(10, 10, 30, 30)
    (single,), (twice,) = (
        soft_polygons([once], CELLS, 1.0),
        soft_polygons([np.concatenate([once, once])], CELLS, 1.0),
    )
    assert np.array_equal(single.weights, twice.weights)


needs_the_extension = pytest.mark.skipif(
    extensions.polygons() is None, reason="the extension in C was not built, or this CPU has no FMA"
)


@needs_the_extension
@pytest.mark.parametrize("deviation", [0.1, 0.7, 2.0, 5.3])
@pytest.mark.parametrize("cells", [7, 40, 90])
def test_extension_and_numpy_give_the_same(
    cells: int, deviation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(cells)
    polygons = [rng.uniform(-0.4 * cells, 1.4 * cells, (corners, 2)) for corners in (3, 5, 11)]
    polygons += [np.array([[2.0, 2.0], [2.0, 2.0], [3.0, 2.0]]), rng.uniform(-9 * cells, -3 * cells, (4, 2))]
    found = soft_polygons(polygons, cells, deviation)
    monkeypatch.setattr(extensions, "polygons", lambda: None)
    wanted = soft_polygons(polygons, cells, deviation)
    assert [one.where for one in found] == [one.where for one in wanted]
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(found, wanted, strict=True))
    assert any(one.weights.any() for one in found)


@needs_the_extension
def test_extension_refuses_what_does_not_fit() -> None:
    from amgan.runtime.face import _polygons

    corners, kernel, out = rectangle(4, 4, 9, 9), np.ones(3, np.float32), np.zeros((8, 9), np.float32)
    _polygons.draw(corners, kernel, out)
    for given in (
        (corners.astype(np.float32), kernel, out),
        (corners[:, :1].copy(), kernel, out),
        (corners * np.nan, kernel, out),
        (corners, kernel[:2], out),
        (corners, kernel, out.astype(np.float64)),
        (corners, kernel, out[:, ::2]),
    ):
        with pytest.raises(ValueError, match="array"):
            _polygons.draw(*given)
