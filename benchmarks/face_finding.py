"""Detection rate by size, rotation, pose and light, and the number of windows that the detector processes.

    python benchmarks/face_finding.py FOLDER

FOLDER holds portraits, one face each. A picture in which no face is found counts as missed everywhere; the
others' face width and yaw are those found in the original pictures. Each face is then pasted into a plain
scene at each width, cut out so that it fills the picture, rotated, and relit. Faces of about the smallest
size that is found without `min_face_px` are placed next to a large one, five at a time. A face counts as
found if its centre is within a quarter of its width of the true position. Work is counted in windows of the
detector and runs of the mesh, which do not depend on the load of the machine.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
from lights import LIGHTS
from numpy.typing import NDArray

from amgan.runtime.errors import PhotoError
from amgan.runtime.face.finder import Face, FaceFinder, Found
from amgan.runtime.photo.read import read_photo

RESULT = common.RESULTS / "face_finding.json"
PAGE = common.ROOT / "docs" / "faces.md"
BEGIN, END = "<!-- tables: benchmarks/face_finding.py -->", "<!-- end of tables -->"
SCENE = (1200, 800)
WIDTHS_PX = (20, 24, 30, 40, 55, 75, 100, 140, 200, 280)
LARGE_PX = 1500
BESIDE_PX = (190, 200, 210, 225, 250)
"""About an eighth of LARGE_PX, the smallest faces that are found next to one."""
MARGINS = (-0.05, 0.0, 0.1, 0.25, 0.5)
TURNS = tuple(range(0, 360, 30))
POSES = {"frontal (up to 0.35)": 0.35, "turned (0.35 to 0.8)": 0.8, "half profile (over 0.8)": np.inf}
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Portrait:
    """A picture, uint8 [H, W, 3], and the face found in it (None: none)."""

    rgb: Picture
    face: Face | None


def read_portraits(folder: Path, finder: FaceFinder, limit: int) -> list[Portrait]:
    """Up to ``limit`` pictures of a folder, at even intervals by name, reduced to 1,200 px at most."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    portraits = []
    for path in files[:: max(1, len(files) // limit)][:limit]:
        try:
            rgb = read_photo(path).pixels
        except PhotoError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        scale = min(1.0, 1200 / max(rgb.shape[:2]))
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        found = finder.find(rgb)
        portraits.append(Portrait(rgb, found[0] if found else None))
    return portraits


def holds(found: Found, centre: Iterable[float], width: float) -> bool:
    """Whether a face was found at the true position."""
    return any(
        np.hypot(*np.subtract(middle(face), tuple(centre))) < 0.25 * width and face.width_px > 0.6 * width
        for face in found.faces
    )


def middle(face: Face) -> NDArray[np.float64]:
    """The centre of a face's landmarks."""
    x0, y0, x1, y1 = face.box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def share(hits: list[bool]) -> dict[str, Any]:
    """Numbers of faces found and present."""
    return {"faces": len(hits), "found": sum(hits), "share": round(sum(hits) / max(len(hits), 1), 4)}


def resized(portrait: Portrait, face: Face, width: float) -> tuple[Picture, NDArray[np.float64]]:
    """A portrait resized so that its face is ``width`` px wide, and the face's centre in it."""
    scale = width / face.width_px
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = cv2.resize(portrait.rgb, None, fx=scale, fy=scale, interpolation=method)
    return np.asarray(part, np.uint8), middle(face) * scale


def cut(portrait: Portrait, face: Face, width: float) -> tuple[Picture, NDArray[np.float64]]:
    """`resized`, cropped to twice the face's width."""
    part, centre = resized(portrait, face, width)
    low = np.maximum(np.rint(centre - width), 0).astype(int)
    high = np.rint(centre + width).astype(int)
    return part[low[1] : high[1], low[0] : high[0]], centre - low


def in_a_scene(portrait: Portrait, width: float, finder: FaceFinder) -> tuple[bool, Found | None]:
    """Whether a face of ``width`` px in the centre of a plain scene is found."""
    if portrait.face is None:
        return False, None
    part, centre = resized(portrait, portrait.face, width)
    at = np.rint(np.array(SCENE) / 2 - centre).astype(int)
    scene = np.full((SCENE[1], SCENE[0], 3), (110, 120, 125), np.uint8)
    low = np.maximum(at, 0)
    high = np.minimum(at + np.array(part.shape[1::-1]), SCENE)
    scene[low[1] : high[1], low[0] : high[0]] = part[
        low[1] - at[1] : high[1] - at[1], low[0] - at[0] : high[0] - at[0]
    ]
    found = finder.look(scene, 20)
    return holds(found, at + centre, width), found


def beside_a_large_one(
    large: Portrait, others: list[Portrait], width: float, finder: FaceFinder
) -> list[bool]:
    """Which faces of ``width`` px are found in two columns next to a face of LARGE_PX."""
    if large.face is None:
        return [False] * len(others)
    front, _ = cut(large, large.face, LARGE_PX)
    column = int(2 * width) + 30
    scene = np.full((2 * LARGE_PX, front.shape[1] + 2 * column, 3), (110, 120, 125), np.uint8)
    scene[: front.shape[0], : front.shape[1]] = front
    at: list[NDArray[np.float64] | None] = [None] * len(others)
    for number, one in enumerate(others):
        if one.face is not None:
            part, centre = cut(one, one.face, width)
            x, y = front.shape[1] + number % 2 * column, number // 2 * column
            scene[y : y + part.shape[0], x : x + part.shape[1]] = part
            at[number] = np.add(centre, (x, y))
    found = finder.look(scene)
    return [place is not None and holds(found, place, width) for place in at]


def close_up(portrait: Portrait, margin: float, finder: FaceFinder) -> bool:
    """Whether a face is found in its own bounding box, enlarged by ``margin`` of its sides."""
    if portrait.face is None:
        return False
    x0, y0, x1, y1 = portrait.face.box
    left, top = max(0, int(x0 - margin * (x1 - x0))), max(0, int(y0 - margin * (y1 - y0)))
    part = portrait.rgb[top : int(y1 + margin * (y1 - y0)), left : int(x1 + margin * (x1 - x0))]
    found = finder.look(np.ascontiguousarray(part))
    return holds(found, middle(portrait.face) - (left, top), portrait.face.width_px)


def turned(portrait: Portrait, degrees: float, finder: FaceFinder) -> bool:
    """Whether a face is found in the picture rotated clockwise, with no corner cut off."""
    if portrait.face is None:
        return False
    height, width = portrait.rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    size = np.abs(matrix[:, :2]) @ (width, height)
    matrix[:, 2] += size / 2 - (width / 2, height / 2)
    side = (round(size[0]), round(size[1]))
    whole = cv2.warpAffine(portrait.rgb, matrix, side, borderValue=(110, 120, 125))
    centre = matrix @ (*middle(portrait.face), 1)
    return holds(finder.look(np.asarray(whole, np.uint8)), centre, portrait.face.width_px)


def measure(portraits: list[Portrait], finder: FaceFinder) -> dict[str, Any]:
    """All tables."""
    frontal = [one for one in portraits if one.face is None or abs(one.face.turn) <= 0.35]
    some = frontal[: max(1, len(frontal) // 2)]
    lit: dict[str, list[bool]] = {name: [] for name in LIGHTS}
    work: list[tuple[int, int]] = []
    for one in portraits:
        for name, change in LIGHTS.items():
            found = finder.look(change(one.rgb))
            lit[name].append(one.face is not None and holds(found, middle(one.face), one.face.width_px))
            if name == "as it is":
                work.append((found.windows, found.meshes))
    scenes = {width: [in_a_scene(one, width, finder) for one in frontal] for width in WIDTHS_PX}
    low = 0.0
    poses = {}
    for name, high in POSES.items():
        posed = [one for one in portraits if one.face is not None and low <= abs(one.face.turn) < high]
        poses[name] = share([in_a_scene(one, 60, finder)[0] for one in posed])
        low = high
    close_ups = {margin: [close_up(one, margin, finder) for one in frontal] for margin in MARGINS}
    beside: dict[str, list[bool]] = {}
    for width in BESIDE_PX:
        hits = [
            beside_a_large_one(one, (frontal * 2)[number + 1 : number + 6], width, finder)
            for number, one in enumerate(some)
        ]
        beside[str(width)] = [hit for five in hits for hit in five]
    every_size = [hit for tests in scenes.values() for hit, _ in tests]
    every_size += [hit for hits in close_ups.values() for hit in hits]
    windows = [found.windows for tests in scenes.values() for _, found in tests if found is not None]
    return {
        "portraits": share([one.face is not None for one in portraits]),
        "frontal": len(frontal),
        "face_px": {str(width): share([hit for hit, _ in tests]) for width, tests in scenes.items()},
        "close_ups": {f"{margin:+.0%}": share(hits) for margin, hits in close_ups.items()},
        "beside": {width: share(hits) for width, hits in beside.items()},
        "frontal_faces_of_every_size": share(every_size),
        "degrees": {str(turn): share([turned(one, turn, finder) for one in some]) for turn in TURNS},
        "poses_at_60_px": poses,
        "light": {name: share(hits) for name, hits in lit.items()},
        "work": {
            "portraits": {
                "windows": spread([windows for windows, _ in work]),
                "meshes": spread([meshes for _, meshes in work]),
            },
            f"scenes of {SCENE[0]} x {SCENE[1]} px, down to 20 px": {"windows": spread(windows)},
        },
    }


def spread(counts: list[int]) -> dict[str, float]:
    """Median, mean and maximum of counts."""
    return {
        "median": statistics.median(counts),
        "mean": round(statistics.mean(counts), 2),
        "most": max(counts),
    }


def tables(result: dict[str, Any]) -> str:
    """The tables of docs/faces.md, in Markdown."""
    heads = {
        "face_px": "width of a frontal face, px",
        "close_ups": "picture is the face's box and this margin",
        "beside": f"width beside a face of {LARGE_PX:,} px",
        "degrees": "picture turned clockwise by, degrees",
        "poses_at_60_px": "pose",
        "light": "light",
    }
    lines = []
    for key, head in heads.items():
        if key not in result:  # a table that is newer than the result
            continue
        lines += [f"| {head} | found | of |", "| --- | --- | --- |"]
        lines += [f"| {name} | {hits['found']} | {hits['faces']} |" for name, hits in result[key].items()]
        lines += [""]
    sizes = result["frontal_faces_of_every_size"]
    lines += [
        f"Frontal faces of every size and margin together: {sizes['found']} of {sizes['faces']} found, "
        f"{sizes['share']:.1%}.",
        "",
    ]
    lines += ["| work | median | mean | most |", "| --- | --- | --- | --- |"]
    for name, kinds in result["work"].items():
        lines += [
            f"| {name}: {kind} | {told['median']:g} | {told['mean']:g} | {told['most']} |"
            for kind, told in kinds.items()
        ]
    return "\n".join(lines) + "\n"


def write_tables(result: dict[str, Any], page: Path) -> None:
    """Replace the text between the two marks of a page."""
    common.write_between(page, BEGIN, END, tables(result))


def main() -> None:
    """Run all measurements and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("folder", type=Path, help="folder of portraits, one face each")
    parser.add_argument("--photos", type=common.count, default=100, help="portraits to take (default: 100)")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"'{arguments.folder}' is no folder: give a folder of portraits")
    finder = FaceFinder(threads=1)
    portraits = read_portraits(arguments.folder, finder, arguments.photos)
    if not any(one.face for one in portraits):
        sys.exit(f"'{arguments.folder}': no face was found in {len(portraits)} pictures")
    result = {
        "what": "which faces are found, and the work it takes",
        "pictures": len(portraits),
        "scene_px": list(SCENE),
        **measure(portraits, finder),
    }
    common.write_result(result, arguments.output)
    if arguments.output == RESULT:
        write_tables(result, PAGE)


if __name__ == "__main__":
    main()
