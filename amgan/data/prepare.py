"""Makes a training set out of a folder of face photos and a table of apparent ages."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from amgan.labels import ZoneLabels, read_labels
from amgan.runtime.alignment import apply_affine
from amgan.runtime.errors import UsageError
from amgan.runtime.faces import FaceFinder
from amgan.runtime.maps import make_footprints
from amgan.runtime.warp import sample_affine
from amgan.runtime.zones import PART_NAMES

from .composite import CompositeOptions, make_composite
from .dataset import SCHEMA, is_held_out
from .detail import FaceDetail, TransferOptions, older_change, split_detail, younger_change
from .mesh_warp import triangulate

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PrepareOptions:
    """What faces are fit for training, and how the changed versions are made (ages in years).

    ``zone_share`` is how far a part's age goes from the face's to that of its own label: single zones are
    noisy witnesses.
    """

    frame_px: int = 640
    min_side_px: float = 190.0
    max_turn: float = 0.4
    min_chroma: float = 4.0
    older_age: float = 72.0
    younger_age: float = 25.0
    oldest_to_age: float = 60.0
    youngest_to_rejuvenate: float = 38.0
    donor_min_age: float = 62.0
    donor_max_turn: float = 0.25
    donor_max_asymmetry: float = 0.5
    donor_count: int = 12
    zone_share: float = 0.5


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """One usable face: its frame [S, S, 3] uint8, landmarks in frame units, and age in years.

    ``side_px`` is how many pixels of the photo the frame's side spans.
    """

    name: str
    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    turn: float
    side_px: float = 400.0


def prepare_dataset(
    faces: Path,
    ages_csv: Path,
    output: Path,
    frame_px: int = 640,
    progress: Progress = lambda done, total, what: None,
    donors: Sequence[str] = (),
    labels: Path | None = None,
) -> Path:
    """Align every photo of ``faces`` named in ``ages_csv`` and write a training set (see dataset.py).

    The table needs the columns ``file`` and ``age`` (or ``age_estimate``). ``donors`` names the files
    whose common detail ages the others (see composite.py), the first one giving its fine detail too; left
    empty, the strongest evenly lit old faces are taken. ``labels`` is a folder that `amgan label` wrote, with
    the ages of parts; without it, and for faces that it left out, every part has the face's age.
    Raises UsageError for a bad table, an empty result, or an output folder that is not empty.
    """
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty; name a new folder for the training set")
    options = PrepareOptions(frame_px=frame_px)
    ages, known = read_ages(ages_csv), None if labels is None else read_labels(labels)
    aligned, left_out = align_all(faces, ages, options, progress)
    if not any(not is_held_out(f.name) for f in aligned):
        raise UsageError(f"no face in {faces} is fit for training: {dict(left_out)}")
    work = output.with_name(output.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write_faces(work, aligned, options)
    np.save(work / "part_ages.npy", _part_ages(aligned, known, options.zone_share))
    chosen = _write_changes(work, aligned, options, donors, progress)
    index = {
        "schema": SCHEMA,
        "options": asdict(options),
        "transfer": asdict(TransferOptions()),
        "composite": asdict(CompositeOptions()),
        "donors": chosen,
        "left_out": dict(left_out),
        "faces": [{"name": f.name, "split": "held-out" if is_held_out(f.name) else "train"} for f in aligned],
    }
    (work / "index.json").write_text(json.dumps(index, indent=1))
    if output.exists():
        output.rmdir()
    work.rename(output)
    return output


def read_ages(table: Path) -> dict[str, float]:
    """Read the table of ages, file name to years; raises UsageError for missing columns or no numbers."""
    if not table.is_file():
        raise UsageError(f"the table of ages {table} does not exist")
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except UnicodeDecodeError as error:
        raise UsageError(f"{table} is no CSV in UTF-8 ({error.reason}); save it as UTF-8") from error
    column = next((c for c in ("age", "age_estimate") if c in columns), None)
    if column is None or "file" not in columns:
        raise UsageError(f"{table} needs the columns 'file' and 'age' (or 'age_estimate'), it has {columns}")
    return {row["file"]: _years(row[column], row["file"], table) for row in rows}


def _years(text: str | None, name: str, table: Path) -> float:
    """An age out of the table. Raises UsageError for what is no finite number."""
    try:
        years = float(text or "")
    except ValueError:
        years = math.nan
    if not math.isfinite(years):
        raise UsageError(f"{table} holds an age that is no number: {text!r} for {name}")
    return years


def align_all(
    folder: Path, ages: dict[str, float], options: PrepareOptions, progress: Progress
) -> tuple[list[AlignedFace], Counter[str]]:
    """Align the largest face of every photo in a table; also how many photos were left out, by reason."""
    finder = FaceFinder()
    aligned: list[AlignedFace] = []
    left_out: Counter[str] = Counter()
    for done, (name, age) in enumerate(sorted(ages.items())):
        progress(done, len(ages), "aligning")
        found = _align(finder, folder / name, age, options)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            aligned.append(found)
    return aligned, left_out


def _align(finder: FaceFinder, path: Path, age: float, options: PrepareOptions) -> AlignedFace | str:
    """The photo's largest face, or why it is left out."""
    try:
        with Image.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError):
        return "unreadable"
    found = finder.find(rgb)
    if not found:
        return "no face"
    face = found[0]
    if face.frame.side_px < options.min_side_px:
        return "tiny"
    if abs(face.turn) > options.max_turn:
        return "turned away"
    size = options.frame_px
    frame = sample_affine(rgb, face.frame.to_photo(size), (size, size))
    middle = frame[size // 3 : size * 5 // 6, size // 3 : size * 2 // 3].astype(np.float32)
    if float(np.abs(middle - middle.mean(axis=2, keepdims=True)).mean()) < options.min_chroma:
        return "grey"
    return AlignedFace(
        path.name,
        frame,
        apply_affine(face.frame.to_frame(1), face.landmarks),
        age,
        face.turn,
        face.frame.side_px,
    )


def _write_faces(folder: Path, aligned: Sequence[AlignedFace], options: PrepareOptions) -> None:
    cells = options.frame_px // 4
    prints = []
    for face in aligned:
        footprint = make_footprints(face.landmarks, cells)
        planes = np.concatenate([footprint.face[None], footprint.parts])
        prints.append(np.rint(planes * 255).astype(np.uint8))
    np.save(folder / "frames.npy", np.stack([f.frame for f in aligned]))
    np.save(folder / "landmarks.npy", np.stack([f.landmarks for f in aligned]).astype(np.float32))
    ages = np.array([f.age for f in aligned], np.float32)
    np.save(folder / "ages.npy", ages)
    np.save(folder / "sides.npy", np.array([f.side_px for f in aligned], np.float32))
    np.save(folder / "footprints.npy", np.stack(prints))


def _part_ages(aligned: Sequence[AlignedFace], known: ZoneLabels | None, share: float) -> NDArray[np.float32]:
    """Apparent age of every part, float32 [N, P]: the face's, moved by ``share`` towards its label."""
    ages = np.repeat(np.array([f.age for f in aligned], np.float32)[:, None], len(PART_NAMES), axis=1)
    if known is None:
        return ages
    rows = {name: number for number, name in enumerate(known.names)}
    for number, face in enumerate(aligned):
        if face.name in rows:
            ages[number] += np.float32(share) * (known.parts[rows[face.name]] - ages[number])
    return ages


def _write_changes(
    folder: Path,
    aligned: Sequence[AlignedFace],
    options: PrepareOptions,
    donors: Sequence[str],
    progress: Progress,
) -> list[str]:
    """Write the changed versions of all training faces; returns the names of the donors."""
    transfer = TransferOptions()
    training = [i for i, f in enumerate(aligned) if not is_held_out(f.name)]
    mean = np.mean([aligned[i].landmarks for i in training], axis=0)
    triangles = triangulate(mean)
    chosen = choose_donors(aligned, training, options, donors)
    composite = make_composite([_split(aligned[d]) for d in chosen], mean, triangles) if chosen else None
    older = [i for i in training if composite is not None and aligned[i].age < options.oldest_to_age]
    younger = [i for i in training if aligned[i].age >= options.youngest_to_rejuvenate]
    size, count = options.frame_px, len(older) + len(younger)
    changes = np.lib.format.open_memmap(
        folder / "changes.npy", mode="w+", dtype=np.int8, shape=(count, size, size, 3)
    )

    def change(number: int) -> None:
        if number < len(older):
            assert composite is not None
            changes[number] = older_change(_split(aligned[older[number]]), composite, triangles, transfer)
        else:
            changes[number] = younger_change(_split(aligned[younger[number - len(older)]]), transfer)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(change, range(count))):
            progress(done, count, "changing ages")
    changes.flush()
    np.save(folder / "change_faces.npy", np.array(older + younger, np.int32))
    ages = [options.older_age] * len(older) + [options.younger_age] * len(younger)
    np.save(folder / "change_ages.npy", np.array(ages, np.float32))
    return [aligned[d].name for d in chosen]


def _split(face: AlignedFace) -> FaceDetail:
    return split_detail(face.frame, face.landmarks)


def choose_donors(
    aligned: Sequence[AlignedFace], training: Sequence[int], options: PrepareOptions, names: Sequence[str]
) -> list[int]:
    """Numbers of the donor faces: those named, or the old, frontal, evenly lit ones with most detail.

    ``training`` are the numbers to choose from. Raises UsageError when a named donor is not among them.
    """
    by_name = {aligned[i].name: i for i in training}
    missing = [n for n in names if n not in by_name]
    if missing:
        raise UsageError(f"the donors {', '.join(missing)} are not among the faces that training can use")
    if names:
        return [by_name[n] for n in names]
    strength: dict[int, float] = {}
    for i in training:
        if aligned[i].age < options.donor_min_age or abs(aligned[i].turn) > options.donor_max_turn:
            continue
        detail = _split(aligned[i])
        if _asymmetry(detail) <= options.donor_max_asymmetry:
            strength[i] = float(detail.detail[detail.skin > 0.5].std())
    return sorted(strength, key=lambda i: -strength[i])[: options.donor_count]


def _asymmetry(face: FaceDetail) -> float:
    """Difference of mean log intensity between the two halves of the skin: side light."""
    columns = np.arange(face.skin.shape[1]) < face.landmarks_px[:, 0].mean()
    brightness = face.log.mean(axis=2)
    skin = face.skin > 0.5
    return float(abs(brightness[skin & columns].mean() - brightness[skin & ~columns].mean()))
