"""The fifteen signs of ageing and their zones on the face mesh.

The list is this project's own, open definition; it makes no clinical claim. A zone is one polygon of
mesh points, or a right and a left one (the person's own sides), each of which is a *part*.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError

Polygon = tuple[int, ...]


@dataclass(frozen=True)
class Zone:
    """One zone: its name, the sign it carries, and its polygons of mesh point numbers.

    ``polygons`` holds one polygon, or two: the person's right, then left.
    """

    name: str
    sign: str
    description: str
    polygons: tuple[Polygon, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the zone's parts, in the order of its polygons."""
        if len(self.polygons) == 1:
            return (self.name,)
        return (f"{self.name}-right", f"{self.name}-left")


# fmt: off
ZONES: tuple[Zone, ...] = (
    Zone("forehead", "forehead lines", "horizontal lines between brows and hairline", (
        (63, 68, 54, 103, 67, 109, 10, 338, 297, 332, 284, 298, 293, 334, 296, 336, 9, 107, 66, 105),)),
    Zone("frown", "frown lines", "upright lines between the brows", (
        (9, 107, 55, 221, 193, 168, 417, 441, 285, 336),)),
    Zone("crows-feet", "crow's feet", "lines that fan out from the outer corner of the eye", (
        (139, 124, 113, 226, 31, 111, 116, 34, 127, 162),
        (368, 353, 342, 446, 261, 340, 345, 264, 356, 389))),
    Zone("under-eye-lines", "under-eye lines", "fine lines just below the lower lid", (
        (25, 110, 24, 23, 22, 26, 112, 233, 232, 231, 230, 229, 228, 31),
        (255, 339, 254, 253, 252, 256, 341, 453, 452, 451, 450, 449, 448, 261))),
    Zone("under-eye-bags", "under-eye bags", "swelling and shadow between lower lid and cheek", (
        (31, 228, 229, 230, 231, 232, 128, 121, 120, 119, 118, 117),
        (261, 448, 449, 450, 451, 452, 357, 350, 349, 348, 347, 346))),
    Zone("upper-eyelids", "upper-eyelid droop", "folds of skin between brow and lashes", (
        (113, 225, 224, 223, 222, 221, 189, 173, 157, 158, 159, 160, 161, 246, 33, 226),
        (342, 445, 444, 443, 442, 441, 413, 398, 384, 385, 386, 387, 388, 466, 263, 446))),
    Zone("nasolabial", "nasolabial folds", "the fold from the wing of the nose to the mouth's corner", (
        (129, 142, 36, 205, 207, 212, 57, 186, 92, 165, 98),
        (358, 371, 266, 425, 427, 432, 287, 410, 322, 391, 327))),
    Zone("upper-lip", "upper-lip lines", "upright lines between nose and upper lip", (
        (2, 97, 98, 165, 185, 40, 39, 37, 0, 267, 269, 270, 409, 391, 327, 326),)),
    Zone("lip-corners", "lip-corner lines", "lines that run down from the corners of the mouth", (
        (61, 57, 212, 202, 210, 211, 204, 43, 146),
        (291, 287, 432, 422, 430, 431, 424, 273, 375))),
    Zone("jowls", "jowls", "slack skin over the edge of the lower jaw", (
        (192, 138, 172, 136, 150, 149, 170, 211, 210, 214),
        (416, 367, 397, 365, 379, 378, 395, 431, 430, 434))),
    Zone("cheek-pores", "cheek pores", "visible pores beside the nose", (
        (118, 119, 120, 121, 217, 126, 209, 142, 36, 205, 50),
        (347, 348, 349, 350, 437, 355, 429, 371, 266, 425, 280))),
    Zone("cheek-spots", "cheek dark spots", "dark spots on the cheekbone", (
        (116, 111, 117, 118, 50, 123, 137, 227),
        (345, 340, 346, 347, 280, 352, 366, 447))),
    Zone("cheek-redness", "cheek redness", "redness and small vessels in the middle of the cheek", (
        (50, 205, 207, 187, 147, 123),
        (280, 425, 427, 411, 376, 352))),
    Zone("cheek-lines", "cheek lines", "lines on the lower, outer cheek", (
        (177, 147, 187, 207, 214, 192, 215),
        (401, 376, 411, 427, 434, 416, 435))),
    Zone("chin", "chin texture", "dimpled, coarse texture of the chin", (
        (18, 83, 182, 204, 211, 170, 176, 148, 152, 377, 400, 395, 431, 424, 406, 313),)),
)
# fmt: on

PART_NAMES: tuple[str, ...] = tuple(part for zone in ZONES for part in zone.parts)
PART_POLYGONS: tuple[Polygon, ...] = tuple(polygon for zone in ZONES for polygon in zone.polygons)


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a zone name (both sides) or a part name (one side).

    Raises UsageError, naming the valid zones, for an unknown name.
    """
    for zone in ZONES:
        if name == zone.name:
            return zone.parts
        if name in zone.parts:
            return (name,)
    valid = ", ".join(z.name for z in ZONES)
    raise UsageError(
        f"there is no zone {name!r}; the zones are {valid} (paired ones also with -left or -right)"
    )
