"""Makes a training set from photos of faces and tables of their ages."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.faces.age_curve import read_age_curve
from amgan.faces.aligning import AlignedFace, AlignOptions, Progress, align_all
from amgan.faces.face_rows import read_face_rows, thinned
from amgan.faces.splits import is_held_out
from amgan.faces.tables import ZoneLabels, read_labels
from amgan.pairs.aging_field import SHIPPED, AgingField, load_field
from amgan.pairs.face_layers import FaceLayers
from amgan.pairs.face_masks import PairFace
from amgan.pairs.options import AgingOptions
from amgan.pairs.plan import Version, plan_versions
from amgan.pairs.versions import version_codes
from amgan.runtime.errors import UsageError
from amgan.runtime.face.alignment import whole_frame
from amgan.runtime.face.coordinates import face_coordinates
from amgan.runtime.face.head_parser import HeadParser, skin_at
from amgan.runtime.face.line_strength import read_line_strength
from amgan.runtime.face.region_masks import make_region_masks
from amgan.runtime.face.visible_skin import visible_skin
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.files import whole_folder

from .dataset import SCHEMA

MAX_TURN = 0.45


@dataclass(frozen=True)
class PrepareOptions:
    """Options of a training set.

    ``labels`` is a folder of `amgan label`. ``true_ages`` is a table of portraits of known age for the
    calibration of estimated ages; labels must be made with the same table. ``zone_share`` is the weight of a
    part's label relative to the face's age, as labels of single zones are noisy. ``most_per_decade`` limits
    training faces of one source and decade of age.
    """

    frame_px: int = 512
    field: Path = SHIPPED
    true_ages: Path | None = None
    labels: Path | None = None
    zone_share: float = 0.5
    most_per_decade: int | None = None


def prepare_dataset(
    folders: Sequence[Path],
    tables: Sequence[Path],
    output: Path,
    options: PrepareOptions | None = None,
    progress: Progress = lambda done, total, what: None,
) -> Path:
    """Align the photos that ``tables`` name and write a training set (see dataset.py).

    Photos lie in ``folders``; tables are those of face_rows.py. Training faces get older and younger versions
    by an aging field (see plan.py and amgan.pairs.versions). Raises UsageError for a bad table, an empty
    result, or an output folder that is not empty.
    """
    options = options or PrepareOptions()
    require_new(output)
    field = load_field(options.field)
    curve = None if options.true_ages is None else read_age_curve(options.true_ages)[0]
    known = None if options.labels is None else read_labels(options.labels)
    rows = thinned(read_face_rows(tables, curve), options.most_per_decade)
    align = AlignOptions(frame_px=options.frame_px, max_turn=MAX_TURN)
    aligned, left_out = align_all(folders, rows, align, progress)
    if not any(not is_held_out(face.name) for face in aligned):
        raise UsageError(
            f"no face in {', '.join(map(str, folders))} is fit for training; left out: {dict(left_out)}"
        )
    strengths = np.array([read_line_strength(face.frame, face.landmarks) for face in aligned], np.float32)
    with whole_folder(output) as work:
        write_faces(
            work,
            [face.frame for face in aligned],
            np.stack([face.landmarks for face in aligned]).astype(np.float32),
            {
                "ages": np.array([face.age for face in aligned], np.float32),
                "part_ages": _part_ages(aligned, known, options.zone_share),
                "sides": np.array([face.side_px for face in aligned], np.float32),
                "line_strengths": strengths,
            },
        )
        _write_changes(work, aligned, strengths, field, progress)
        index = {
            "schema": SCHEMA,
            "options": asdict(align),
            "aging": asdict(AgingOptions()),
            "patterns": list(field.pattern_names),
            "field": field.report,
            "left_out": dict(sorted(left_out.items())),
            "faces": [
                {"name": f.name, "split": "held-out" if is_held_out(f.name) else "train"} for f in aligned
            ],
        }
        write_index(work, index)
    return output


def _split(name: str) -> str:
    return "held-out" if is_held_out(name) else "train"


def require_new(output: Path) -> None:
    """Raise UsageError if the output folder is not empty."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is not empty; name a new folder for the training set")


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Write index.json."""
    (folder / "index.json").write_text(json.dumps(index, indent=1))


def write_faces(
    folder: Path,
    frames: Sequence[NDArray[np.uint8]],
    landmarks: NDArray[np.float32],
    others: Mapping[str, NDArray[np.float32]],
) -> None:
    """Write frames [S, S, 3], landmarks [N, 468, 2] in frame units, derived arrays, and ``others``."""
    cells = frames[0].shape[0] // 4
    stored = np.lib.format.open_memmap(
        folder / "frames.npy", mode="w+", dtype=np.uint8, shape=(len(frames), *frames[0].shape)
    )
    masks, coordinates = [], []
    for number, (frame, points) in enumerate(zip(frames, landmarks, strict=True)):
        stored[number] = frame
        coordinates.append(face_coordinates(points, cells).astype(np.float16))
        mask = make_region_masks(points.astype(np.float64), cells)
        planes = np.concatenate([mask.face[None], mask.parts])
        masks.append(np.rint(planes * 255).astype(np.uint8))
    stored.flush()
    arrays = {"landmarks": landmarks, "region_masks": np.stack(masks), "coordinates": np.stack(coordinates)}
    for name, array in {**arrays, **others}.items():
        np.save(folder / f"{name}.npy", array)


def _part_ages(aligned: Sequence[AlignedFace], known: ZoneLabels | None, share: float) -> NDArray[np.float32]:
    """Apparent age of every part, float32 [N, P]: the face's, moved by ``share`` towards its label."""
    ages = np.repeat(np.array([f.age for f in aligned], np.float32)[:, None], len(PART_NAMES), axis=1)
    if known is None:
        return ages
    labelled = {name: number for number, name in enumerate(known.names)}
    for number, face in enumerate(aligned):
        if face.name in labelled:
            ages[number] += np.float32(share) * (known.parts[labelled[face.name]] - ages[number])
    return ages


def pair_face(face: AlignedFace, parser: HeadParser) -> PairFace:
    """An aligned face with the runtime's mask of occlusions."""
    shares, side = parser.read_aligned(face.frame, face.landmarks), len(face.frame)
    own = skin_at(visible_skin(face.frame, whole_frame(side), shares, face.landmarks), side)
    return PairFace(face.frame, face.landmarks, face.age, face.sex, face.turn, own)


def _write_changes(
    folder: Path,
    aligned: Sequence[AlignedFace],
    strengths: NDArray[np.float32],
    field: AgingField,
    progress: Progress,
) -> None:
    """Write the changed versions of all training faces, several faces in parallel.

    ``strengths`` [N] are the faces' line strengths.
    """
    count = len(field.pattern_names)
    plans = [
        (number, plan_versions(face.name, face.age, count))
        for number, face in enumerate(aligned)
        if not is_held_out(face.name)
    ]
    firsts = np.cumsum([0, *(len(plan) for _, plan in plans)])
    total = int(firsts[-1])
    size = aligned[0].frame.shape
    changes = np.lib.format.open_memmap(
        folder / "changes.npy", mode="w+", dtype=np.int8, shape=(total, *size)
    )

    parser = HeadParser(streams=1)

    def change(task: tuple[int, tuple[int, list[Version]]]) -> int:
        first, (number, versions) = task
        if versions:
            layers = FaceLayers(pair_face(aligned[number], parser), field)
            for index, version in enumerate(versions, first):
                changes[index] = version_codes(layers, field, version.age, version.pattern)
        return first + len(versions)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(change, zip(firsts.tolist(), plans, strict=False)):
            progress(done, total, "changing ages")
    changes.flush()
    faces = [number for number, plan in plans for _ in plan]
    versions = [version for _, plan in plans for version in plan]
    patterns = np.stack([version.pattern for version in versions]) * strengths[faces, None]
    np.save(folder / "change_faces.npy", np.array(faces, np.int32))
    np.save(folder / "change_ages.npy", np.array([version.age for version in versions], np.float32))
    np.save(folder / "change_patterns.npy", patterns)
