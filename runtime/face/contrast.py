"""The contrast of eyes, brows and lips with the skin around them, which falls with age.

Lashes, brows and the rims of lids get thinner and lighter, lips lose their red: faces with less contrast look
older (Porcheron, Mauger and Russell, "Aspects of facial contrast decrease with age and are cues for age
perception", doi:10.1371/journal.pone.0057985). In 299 real men the darkness of the upper lid's rim beside the
skin falls from 0.44 in log intensity under 35 years to 0.29 over 70, and the redness of lips from 6.0 to 2.2
in a*; in 181 real women, who wear more make-up, from 0.48 to 0.41 and from 12.1 to 7.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased_between
from .mesh import LEFT_BROW, LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE
from .percentile import median, percentile
from .tone import LUMA, Tone
from .warp import sample_plane
from .whites import LEAST_PX, MOST_YEARS, box_around, cheek_colour, soft_polygon

LASHES_PER_YEAR, BROWS_PER_YEAR, LIPS_PER_YEAR = 0.011, 0.008, 0.006
"""The share of the contrast that is lost in a year; the network lightens brows and lips, too."""
BROWS_REGAINED = 0.25
"""The share of contrast that brows regain where grey hair of a younger face gets its colour back."""
_RIM = (0.025, 0.10)
"""How far inside and outside the eye's outline its dark rim is, in widths of the eye."""
_BROW = (None, 0.04)
"""The same of brows, which are dark as a whole."""
_AROUND = 0.20
_SOFT = 0.03
_HAIR_RANK = 30.0
"""The percentile of the luminance around, below which may be hair and glasses."""
_NEAR = 1 / 128
"""Of the frame's side: features closer than this to what covers the face do not change."""
_FLOOR = 8.0
_MOST_LIFT = 0.8
_PAINTED = (16.0, 30.0)
"""Redness in a* beyond the cheeks' of bare lips, and of painted ones, which do not fade."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ContrastChange:
    """``weight`` float32 [h, w] is the share of contrast lost, 0..1, or regained, if it is less than 0; its
    first pixel is (``left``, ``top``).

    ``skin`` float32 [3] is the colour of the skin around. Where the feature is ``dark``, as lashes and brows
    are, its darkness relative to the skin falls, and skin shines through; otherwise its colour alone turns
    to the skin's.
    """

    left: int
    top: int
    weight: Plane
    skin: NDArray[np.float32]
    dark: bool


def plan_contrast(
    rgb: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    now: float,
    wanted: float,
    frame: Frame,
    skin: Plane | None = None,
) -> tuple[ContrastChange, ...]:
    """Plan the loss of contrast of a face of a photo, uint8 [H, W, 3], between two ages in years.

    ``landmarks`` [468, 2 or more] are in px of the photo; ``skin`` float32 [n, n] is `visible_skin` in the
    canonical ``frame``: what covers the face, such as a fringe, does not change. A face that
    does not get older keeps its contrast: what is to be added is unknown.
    """
    years = min(wanted - now, MOST_YEARS)
    if years <= 0:
        return ()
    points = np.asarray(landmarks, np.float64)[:, :2]
    planned = [_plan_lips(rgb, points, years * LIPS_PER_YEAR)]
    for ring in (RIGHT_EYE, LEFT_EYE):
        planned.append(_plan_rim(rgb, points[list(ring)], years * LASHES_PER_YEAR, _RIM))
    for brow in (RIGHT_BROW, LEFT_BROW):
        planned.append(_plan_rim(rgb, points[list(brow)], years * BROWS_PER_YEAR, _BROW))
    return _uncovered(planned, frame, skin)


def plan_brows(
    rgb: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    frame: Frame,
    skin: Plane | None = None,
) -> tuple[ContrastChange, ...]:
    """Plan brows a little darker, as they were before they turned grey; arguments as in `plan_contrast`."""
    points = np.asarray(landmarks, np.float64)[:, :2]
    planned = [_plan_rim(rgb, points[list(one)], -BROWS_REGAINED, _BROW) for one in (RIGHT_BROW, LEFT_BROW)]
    return _uncovered(planned, frame, skin)


def _uncovered(
    planned: Sequence[ContrastChange | None], frame: Frame, skin: Plane | None
) -> tuple[ContrastChange, ...]:
    """Planned changes where nothing covers the face."""
    found = [one for one in planned if one is not None]
    if skin is not None:
        bare = np.asarray(
            cv2.erode(skin, np.ones((2 * round(len(skin) * _NEAR) + 1,) * 2, np.uint8)), np.float32
        )
        found = [replace(one, weight=np.multiply(one.weight, _bare_at(one, bare, frame))) for one in found]
    return tuple(one for one in found if one.weight.any())


def _bare_at(change: ContrastChange, bare: Plane, frame: Frame) -> Plane:
    """Where nothing covers the face, in the pixels of a change: float32 [h, w], 0..1."""
    matrix = frame.to_frame(len(bare))
    matrix[:, 2] += matrix[:, :2] @ (change.left, change.top)
    height, width = change.weight.shape
    return np.asarray(sample_plane(bare, matrix, (width, height), smooth=False), np.float32)


def paste_contrast(out: NDArray[np.uint8], change: ContrastChange, tone: Tone, strength: float = 1.0) -> None:
    """Change a photo, uint8 [H, W, 3], in place; ``tone`` is the face's, so that grey stays grey."""
    height, width = change.weight.shape
    part = out[change.top : change.top + height, change.left : change.left + width]
    codes = part.astype(np.float32)
    light, skin = codes @ LUMA, float(change.skin @ LUMA)
    if change.dark:
        floor = np.float32(_FLOOR)
        darkness = np.maximum(np.log(np.float32(skin) + floor) - np.log(light + floor), 0)
        lift = np.minimum(np.float32(strength) * change.weight * darkness, np.float32(_MOST_LIFT))
        bare = (light + floor) * np.expm1(lift) / np.maximum(np.float32(skin) - light, 1.0)
        after = codes + bare[..., None] * (change.skin - codes)
    else:
        share = np.float32(strength * (1.0 - tone.share)) * change.weight
        turned = light[..., None] * (change.skin / np.float32(max(skin, 1.0)) - 1)
        after = codes + share[..., None] * (turned - (codes - light[..., None]))
    part[...] = np.rint(np.clip(after, 0.0, 255.0)).astype(np.uint8)


def _plan_rim(
    rgb: NDArray[np.uint8], ring: NDArray[np.float64], share: float, rim: tuple[float | None, float]
) -> ContrastChange | None:
    """The change of what is dark from ``rim`` widths inside an outline, or all of it, to as many outside."""
    wide = float(np.ptp(ring[:, 0]) + np.ptp(ring[:, 1]))
    box = box_around(rgb, ring, (_AROUND + 3 * _SOFT) * wide)
    if wide < 2 * LEAST_PX or not share or box is None:
        return None
    left, top, sides = box
    soft = _SOFT * wide

    def drawn(by: float) -> Plane:
        return soft_polygon(_moved(ring, by * wide) - (left, top), sides, soft)

    within, beyond = rim
    outer, around = drawn(beyond), drawn(_AROUND)
    ring_cells = around - outer > 0.5
    if not ring_cells.any():
        return None
    near = rgb[top : top + sides[0], left : left + sides[1]][ring_cells].astype(np.float32)
    bright = near @ LUMA
    skin = median(near[bright >= percentile(bright, _HAIR_RANK)])
    dark = outer if within is None else np.maximum(outer - drawn(-within), 0.0)
    return ContrastChange(left, top, np.asarray(share * dark, np.float32), skin.astype(np.float32), True)


def _plan_lips(rgb: NDArray[np.uint8], points: NDArray[np.float64], share: float) -> ContrastChange | None:
    outline = points[list(LIPS_OUTER)]
    wide = float(np.ptp(outline[:, 0]) + np.ptp(outline[:, 1]))
    box = box_around(rgb, outline, 3 * _SOFT * wide)
    if wide < 2 * LEAST_PX or not share or box is None:
        return None
    left, top, sides = box
    soft = 0.5 * _SOFT * wide
    outer, inner = (
        soft_polygon(points[list(one)] - (left, top), sides, soft) for one in (LIPS_OUTER, LIPS_INNER)
    )
    lips = np.maximum(outer - inner, 0.0)
    skin = cheek_colour(rgb, points)
    sure = lips > 0.8
    if not sure.any():
        return None
    own = median(rgb[top : top + sides[0], left : left + sides[1]][sure]).astype(np.float32)
    lab = cv2.cvtColor(np.array([[own, skin]]) / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    share *= 1.0 - float(eased_between(float(lab[0, 1] - lab[1, 1]), *_PAINTED))
    return ContrastChange(left, top, np.asarray(share * lips, np.float32), skin, False)


def _moved(ring: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """A ring [n, 2] moved outwards by ``by`` px, from its middle."""
    apart = ring - ring.mean(axis=0)
    length = np.maximum(np.hypot(*apart.T), 1e-6)[:, None]
    return np.asarray(ring + apart / length * np.maximum(by, -0.9 * length), np.float64)
