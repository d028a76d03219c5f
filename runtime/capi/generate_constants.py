"""Writes src/constants.h, the constants that libamgan shares with the Python package.

python runtime/capi/generate_constants.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amgan.runtime.ages import atlas_transfer, maps, request
from amgan.runtime.face import coordinates, line_strength, mesh, pattern, region_masks, soft_polygon
from amgan.runtime.pipeline import drawn_plan

TABLE = Path(__file__).parent / "src" / "constants.h"
LARGEST_WEIGHT_SUM = round(line_strength.FITTING[1] * request.MAX_LINES, 3)

Constant = tuple[str, str, Any]
"""Type, name and value."""


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _of(module: Any, kind: str, *names: str) -> list[Constant]:
    return [(kind, "k" + _camel(name), getattr(module, name)) for name in names]


CONSTANTS: dict[str, list[Constant]] = {
    "age_constants": [
        *_of(maps, "int", "MAP_CELLS"),
        *_of(drawn_plan, "int", "MASK_PX"),
        *_of(maps, "float", "FULL_CHANGE_YEARS", "LEAST_FACE"),
        *_of(maps, "double", "EXACT_RIDGE", "COARSE_RIDGE", "FACE_RIDGE"),
        *_of(atlas_transfer, "double", "MAX_OFFSET_YEARS"),
    ],
    "mask_constants": _of(
        region_masks, "double", "PART_SOFTNESS", "FACE_SOFTNESS", "MASK_SOFTNESS", "HOLE_SOFTNESS"
    ),
    "polygon_constants": [
        *_of(soft_polygon, "int", "LINES", "STEPS", "FULL", "KERNEL_SUM"),
        *_of(soft_polygon, "double", "REACH"),
    ],
    "mesh_constants": [
        *_of(mesh, "std::size_t", "FOREHEAD_TOP", "FOREHEAD_MIDDLE"),
        ("std::int16_t", "kHairlinePoints", tuple(mesh.HAIRLINE_REACH)),
        ("double", "kHairlineReach", tuple(mesh.HAIRLINE_REACH.values())),
        *_of(coordinates, "double", "EDGE", "REFERENCE_PX"),
    ],
    "pattern_constants": [
        *_of(pattern, "int", "MAX_PATTERNS", "SHARPNESS", "SIGN_COLUMNS"),
        *_of(pattern, "double", "USUAL", "FARTHEST"),
        ("float", "kLargestWeightSum", LARGEST_WEIGHT_SUM),
    ],
    "line_constants": [
        *_of(line_strength, "int", "READ_PX", "SKIN_LANDMARKS", "CALM_RANK", "FINE_PX", "BROAD_PX"),
        *_of(line_strength, "double", "REACH", "MOST_LOG", "USUAL_CONTRAST", "FITTING", "PALE_CODES"),
        *_of(line_strength, "double", "PALE_SHARE", "LOG_STEPS"),
    ],
}
"""The constants by namespace."""


def table() -> str:
    """The source."""
    parts = [
        "// Made by generate_constants.py: do not edit. Constants shared with the Python package.",
        "#pragma once",
        "",
        "#include <cstddef>",
        "#include <cstdint>",
        "",
        "namespace amgan_impl {",
        "",
        "// clang-format off",
    ]
    for name, constants in CONSTANTS.items():
        parts += [f"namespace {name} {{", *(_line(*one) for one in constants), f"}}  // namespace {name}", ""]
    return "\n".join([*parts[:-1], "// clang-format on", "", "}  // namespace amgan_impl", ""])


def _line(kind: str, name: str, value: Any) -> str:
    return f"inline constexpr {kind} {name}{_sides(value)} = {_value(kind, value)};"


def _sides(value: Any) -> str:
    if isinstance(value, Sequence):
        return f"[{len(value)}]{_sides(value[0])}"
    return ""


def _value(kind: str, value: Any) -> str:
    if isinstance(value, Sequence):
        return f"{{{', '.join(_value(kind, one) for one in value)}}}"
    return repr(float(value)) + "f" if kind == "float" else repr(value)


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
