"""Patches of the parts of a face, warped to a common shape: the input of a zone's regressor.

Every face is warped through its mesh to the symmetric mean shape. There each part is cropped with its polygon
as mask; left parts are mirrored, so that both sides of a zone have the same shape. The patches thus depend
only on the appearance of the skin, not on shape and pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from amgan.faces.mesh_warp import Triangles, source_coordinates, triangulate
from amgan.runtime.face.zones import Polygon, Zone

TEMPLATE_PX = 320
"""Side of the square picture to which faces are warped; the face itself takes 0.62 of it, 200 px."""

FACE_SHARE = 0.62


@dataclass(frozen=True, eq=False)
class Template:
    """The shape to which all faces are warped: ``points`` [468, 2] in px, mirror symmetric."""

    points: NDArray[np.float64]
    triangles: Triangles


@dataclass(frozen=True, eq=False)
class ZonePatches:
    """The patches of one zone of one face.

    ``pictures`` uint8 [2, h, w, 3] RGB: the right part and the mirrored left part; for a zone of one part,
    the part and its mirror image. ``mask`` bool [h, w] is true inside the zone's polygon.
    """

    pictures: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def make_template(landmarks: NDArray[np.floating]) -> Template:
    """The mean shape of faces [N, 468, 2] in frame units, made symmetrical and scaled to TEMPLATE_PX."""
    mean = np.asarray(landmarks, np.float64).mean(axis=0)
    mean -= (mean.min(axis=0) + mean.max(axis=0)) / 2
    mirrored = mean * (-1.0, 1.0)
    twin = linear_sum_assignment(((mean[:, None] - mirrored[None]) ** 2).sum(axis=2))[1]
    shape = (mean + mirrored[twin]) / 2
    shape *= FACE_SHARE * TEMPLATE_PX / max(float(np.ptp(shape, axis=0).max()), 1e-9)
    return Template(shape + TEMPLATE_PX / 2, triangulate(shape))


def warp_face(
    frame: NDArray[np.uint8], landmarks: NDArray[np.floating], template: Template
) -> NDArray[np.uint8]:
    """A face's frame [S, S, 3] warped to the template, uint8 [TEMPLATE_PX, TEMPLATE_PX, 3].

    ``landmarks`` [468, 2] are in frame units.
    """
    source = np.asarray(landmarks, np.float64) * frame.shape[0]
    coordinates, inside = source_coordinates(template.points, source, template.triangles, TEMPLATE_PX)
    warped = cv2.remap(frame, coordinates[..., 0], coordinates[..., 1], cv2.INTER_LINEAR)
    return np.where(inside[..., None], warped, 0).astype(np.uint8)


def cut_zone(face: NDArray[np.uint8], zone: Zone, template: Template) -> ZonePatches:
    """The two pictures of a zone on a warped face; pixels outside its polygon are black."""
    mirrored = face[:, ::-1]
    x0, y0, x1, y1 = _box(zone.polygons[0], template)
    mask = _mask(zone.polygons[0], template, (x0, y0, x1, y1))
    both = np.stack([face[y0:y1, x0:x1], mirrored[y0:y1, x0:x1]])
    return ZonePatches(np.where(mask[..., None], both, 0).astype(np.uint8), mask)


def _box(polygon: Polygon, template: Template) -> tuple[int, int, int, int]:
    points = template.points[list(polygon)]
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    return int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1


def _mask(polygon: Polygon, template: Template, box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = box
    canvas = np.zeros((y1 - y0, x1 - x0), np.uint8)
    corners = np.round((template.points[list(polygon)] - (x0, y0)) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 1, shift=4)
    return canvas > 0
