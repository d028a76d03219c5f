"""Faces that would mislead are recognised, others pass."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.labels.patches import TEMPLATE_PX, Template, make_template, warp_face
from amgan.labels.quality import why_misleading
from amgan.runtime.face.mesh import LEFT_EYE, RIGHT_EYE
from amgan.runtime.face.zones import ZONES


@pytest.fixture(scope="module")
def template(aligned: list[tuple[np.ndarray, np.ndarray]]) -> Template:
    return make_template(np.stack([landmarks for _, landmarks in aligned]))


@pytest.fixture
def face(aligned: list[tuple[np.ndarray, np.ndarray]], template: Template) -> np.ndarray:
    return warp_face(*aligned[1], template)


def with_glasses(face: np.ndarray, template: Template) -> np.ndarray:
    drawn = np.ascontiguousarray(face)
    centres = [template.points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    for x, y in centres:
        cv2.ellipse(drawn, ((float(x), float(y) + 5), (50.0, 40.0), 0.0), (15, 15, 15), 4)
    bridge = [
        np.round(c + np.array((side * 25, 4))).astype(int).tolist()
        for c, side in zip(centres, (1, -1), strict=True)
    ]
    cv2.line(drawn, bridge[0], bridge[1], (15, 15, 15), 4)
    return drawn


def with_cap(face: np.ndarray, template: Template) -> np.ndarray:
    drawn = np.ascontiguousarray(face)
    corners = np.round(template.points[list(ZONES[0].polygons[0])]).astype(np.int32)
    return cv2.fillPoly(drawn, [corners], (30, 70, 160))


def test_plain_faces_pass(aligned: list[tuple[np.ndarray, np.ndarray]], template: Template) -> None:
    assert [why_misleading(warp_face(*one, template), template) for one in aligned] == [None, None]


def test_glasses(face: np.ndarray, template: Template) -> None:
    assert why_misleading(with_glasses(face, template), template) == "glasses"


def test_a_covered_forehead(face: np.ndarray, template: Template) -> None:
    assert why_misleading(with_cap(face, template), template) == "forehead covered"


def test_one_sided_light(face: np.ndarray, template: Template) -> None:
    for side in (slice(None, TEMPLATE_PX // 2), slice(TEMPLATE_PX // 2, None)):
        lit = face.copy()
        lit[:, side] //= 8
        assert why_misleading(lit, template) == "one-sided light"


def test_coloured_light(face: np.ndarray, template: Template) -> None:
    grey = face.mean(axis=2, keepdims=True)
    for colour in ((0.2, 0.5, 1.0), (0.3, 1.0, 0.3)):
        assert why_misleading((grey * colour).astype(np.uint8), template) == "coloured light"


def test_darkness(face: np.ndarray, template: Template) -> None:
    assert why_misleading(face // 10, template) == "too dark"


@pytest.mark.parametrize("tone", [0.35, 0.6])
def test_dark_skin_passes(face: np.ndarray, template: Template, tone: float) -> None:
    assert why_misleading((face * tone).astype(np.uint8), template) is None
