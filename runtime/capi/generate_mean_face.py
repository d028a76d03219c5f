"""Writes src/mean_face_table.cpp, the mean face as tables of C++, from the file that the Python package
ships.

python runtime/capi/generate_mean_face.py
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from amgan.runtime.face.mean_face import MeanFace, mean_face
from amgan.runtime.face.mesh import N_POINTS

TABLE = Path(__file__).parent / "src" / "mean_face_table.cpp"


def table(face: MeanFace) -> str:
    """The source, with every number as exact as it is."""
    ring = face.points[N_POINTS:]
    parts = [
        "// Made by generate_mean_face.py: do not edit. The mean face of amgan.runtime.face.mean_face.",
        '#include "face_coordinates.h"',
        "",
        "namespace amgan_impl {",
        "",
        "// clang-format off",
        f"const double kAtlasRectangle[4] = {{{_numbers(face.rectangle)}}};",
        _rows("kMeanPoints", "double", "[kMeshPoints][2]", (_numbers(p) for p in face.points[:N_POINTS])),
        _rows("kRingPoints", "double", "[kRingCount][2]", (_numbers(p) for p in ring)),
        _rows("kPositions", "double", "[kMeshPoints + kRingCount][2]", (_numbers(p) for p in face.uv)),
        _rows("kFit", "double", "[3][kMeshPoints]", (_numbers(row) for row in face.fit)),
        _rows(
            "kTriangles",
            "std::int16_t",
            "[kTriangleCount][3]",
            (", ".join(map(str, t)) for t in face.triangles.tolist()),
        ),
        "// clang-format on",
        "",
        f"static_assert(kTriangleCount == {len(face.triangles)} && kRingTriangles == {face.ring_triangles});",
        f"static_assert(kRingCount == {len(ring)});",
        "",
        "}  // namespace amgan_impl",
        "",
    ]
    return "\n".join(parts)


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(float(value).hex() for value in values)


def _rows(name: str, kind: str, shape: str, rows: Iterable[str]) -> str:
    return f"const {kind} {name}{shape} = {{\n" + "".join(f"    {{{row}}},\n" for row in rows) + "};"


if __name__ == "__main__":
    TABLE.write_text(table(mean_face()), encoding="utf-8")
