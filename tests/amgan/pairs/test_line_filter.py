"""What the line filter keeps and drops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.pairs.line_filter import LineOptions, only_lines

SIDE = 160
OPTIONS = LineOptions()


def lines_picture(angle: float) -> np.ndarray:
    plane = np.zeros((SIDE, SIDE), np.float32)
    middle, reach = np.array([SIDE / 2, SIDE / 2]), 50 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(np.round(16 * p).astype(int).tolist()) for p in (middle - reach, middle + reach)]
    cv2.line(plane, ends[0], ends[1], -0.2, 2, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(plane, (0, 0), 0.8)


def dots_picture() -> np.ndarray:
    random = np.random.default_rng(1)
    plane = np.zeros((SIDE, SIDE), np.float32)
    for x, y in random.integers(12, SIDE - 12, (60, 2)):
        cv2.circle(plane, (int(x), int(y)), 2, -0.2, -1)
    return cv2.GaussianBlur(plane, (0, 0), 0.8)


@pytest.mark.parametrize("degrees", [0, 20, 45, 77, 90, 130])
def test_a_drawn_line_stays(degrees: float) -> None:
    drawn = lines_picture(np.radians(degrees))
    found = only_lines(drawn, OPTIONS)
    middle = drawn < -0.1
    assert np.corrcoef(found[middle | (drawn == 0)], drawn[middle | (drawn == 0)])[0, 1] > 0.9
    assert found[middle].mean() < 0.7 * drawn[middle].mean()


def test_drawn_dots_go() -> None:
    drawn = dots_picture()
    found = only_lines(drawn, OPTIONS)
    assert (found**2).sum() < 0.05 * (drawn**2).sum()


def test_noise_goes_and_a_line_in_it_stays() -> None:
    noise = np.random.default_rng(2).normal(0, 0.03, (SIDE, SIDE)).astype(np.float32)
    drawn = lines_picture(np.radians(30))
    assert np.std(only_lines(noise, OPTIONS)) < 0.3 * np.std(noise)
    found = only_lines(drawn + noise, OPTIONS)
    assert np.corrcoef(found.ravel(), drawn.ravel())[0, 1] > 0.75


def test_nothing_comes_of_nothing() -> None:
    assert not only_lines(np.zeros((32, 32), np.float32), OPTIONS).any()
