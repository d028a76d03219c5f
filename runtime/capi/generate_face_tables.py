"""Writes src/face_tables.cpp, the zones and parts of the face as tables of C++, from those of Python.

python runtime/capi/generate_face_tables.py
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from amgan.runtime.face.mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE
from amgan.runtime.face.zones import ZONES

TABLE = Path(__file__).parent / "src" / "face_tables.cpp"
PARTS = {"FaceOval": FACE_OVAL, "RightEye": RIGHT_EYE, "LeftEye": LEFT_EYE, "LipsInner": LIPS_INNER}


def table() -> str:
    """The source."""
    polygons = {
        _camel(part): polygon
        for zone in ZONES
        for part, polygon in zip(zone.parts, zone.polygons, strict=True)
    }
    parts = [
        "// Made by generate_face_tables.py: do not edit. Polygons of amgan.runtime.face.zones and .mesh.",
        '#include "face_tables.h"',
        "",
        "namespace amgan_impl {",
        "",
        "namespace {",
        "",
        "// clang-format off",
        *(_points(name, points) for name, points in (polygons | PARTS).items()),
        "// clang-format on",
        "",
        "template <std::size_t n> constexpr Polygon polygon(const std::int16_t (&points)[n]) "
        "{ return {points, n}; }",
        "",
        "}  // namespace",
        "",
        "const Zone kZoneTable[kZones] = {",
        *(f"    {_zone(zone.name, zone.parts)}," for zone in ZONES),
        "};",
        *(f"const Polygon k{name} = polygon(k{name}Points);" for name in PARTS),
        "",
        "}  // namespace amgan_impl",
        "",
    ]
    return "\n".join(parts)


def _points(name: str, points: tuple[int, ...]) -> str:
    rows = textwrap.fill(", ".join(map(str, points)), 110, initial_indent="    ", subsequent_indent="    ")
    return f"constexpr std::int16_t k{name}Points[] = {{\n{rows}}};"


def _zone(name: str, parts: tuple[str, ...]) -> str:
    polygons = [f"polygon(k{_camel(part)}Points)" for part in parts] + ["{}"] * (2 - len(parts))
    return f'{{"{name}", {len(parts)}, {{{", ".join(polygons)}}}}}'


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
