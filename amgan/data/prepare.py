"""Makes a training set out of a folder of face photos and a table of apparent ages."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from amgan.runtime.alignment import apply_affine
from amgan.runtime.errors import UsageError
from amgan.runtime.faces import FaceFinder
from amgan.runtime.maps import make_footprints
from amgan.runtime.warp import sample_affine

from .dataset import SCHEMA, is_held_out
from .detail import FaceDetail, TransferOptions, older_change, split_detail, younger_change
from .mesh_warp import triangulate

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PrepareOptions:
    """What faces are fit for training, and how the changed versions are made (ages in years)."""

    frame_px: int = 384
    min_side_px: float = 190.0
    max_turn: float = 0.4
    min_chroma: float = 4.0
    older_age: float = 72.0
    younger_age: float = 25.0
    oldest_to_age: float = 60.0
    youngest_to_rejuvenate: float = 38.0
    donors_per_face: int = 1
    donor_min_age: float = 62.0
    donor_max_turn: float = 0.25
    donor_max_asymmetry: float = 0.5
    donor_count: int = 1


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """One usable face: its frame [S, S, 3] uint8, landmarks in frame units, and age in years."""

    name: str
    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    turn: float


def prepare_dataset(
    faces: Path,
    ages_csv: Path,
    output: Path,
    frame_px: int = 384,
    progress: Progress = lambda done, total, what: None,
    donors: Sequence[str] = (),
) -> Path:
    """Align every photo of ``faces`` named in ``ages_csv`` and write a training set (see dataset.py).

    The table needs the columns ``file`` and ``age`` (or ``age_estimate``). ``donors`` names the files
    whose detail ages the others; left empty, the strongest evenly lit old faces are taken.
    Raises UsageError for a bad table, an empty result, or an output folder that is not empty.
    """
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty; name a new folder for the training set")
    options = PrepareOptions(frame_px=frame_px)
    aligned, left_out = _align_all(faces, read_ages(ages_csv), options, progress)
    if not any(not is_held_out(f.name) for f in aligned):
        raise UsageError(f"no face in {faces} is fit for training: {dict(left_out)}")
    work = output.with_name(output.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write_faces(work, aligned, options)
    chosen = _write_changes(work, aligned, options, donors, progress)
    index = {
        "schema": SCHEMA,
        "options": asdict(options),
        "transfer": asdict(TransferOptions()),
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


def _align_all(
    folder: Path, ages: dict[str, float], options: PrepareOptions, progress: Progress
) -> tuple[list[AlignedFace], Counter[str]]:
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
    return AlignedFace(path.name, frame, apply_affine(face.frame.to_frame(1), face.landmarks), age, face.turn)


def _write_faces(folder: Path, aligned: Sequence[AlignedFace], options: PrepareOptions) -> None:
    cells = options.frame_px // 4
    prints = []
    for face in aligned:
        footprint = make_footprints(face.landmarks, cells)
        planes = np.concatenate([footprint.face[None], footprint.parts])
        prints.append(np.rint(planes * 255).astype(np.uint8))
    np.save(folder / "frames.npy", np.stack([f.frame for f in aligned]))
    np.save(folder / "landmarks.npy", np.stack([f.landmarks for f in aligned]).astype(np.float32))
    np.save(folder / "ages.npy", np.array([f.age for f in aligned], np.float32))
    np.save(folder / "footprints.npy", np.stack(prints))


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
    details = {i: split_detail(aligned[i].frame, aligned[i].landmarks) for i in training}
    triangles = triangulate(np.mean([aligned[i].landmarks for i in training], axis=0))
    chosen = choose_donors(aligned, details, options, donors)
    changes, owners, ages = [], [], []
    for done, i in enumerate(training):
        progress(done, len(training), "changing ages")
        if aligned[i].age < options.oldest_to_age:
            nearest = sorted((d for d in chosen if d != i), key=lambda d: _unlikeness(details[i], details[d]))
            for donor in nearest[: options.donors_per_face]:
                changes.append(older_change(details[i], details[donor], triangles, transfer))
                owners.append(i)
                ages.append(options.older_age)
        if aligned[i].age >= options.youngest_to_rejuvenate:
            changes.append(younger_change(details[i], transfer))
            owners.append(i)
            ages.append(options.younger_age)
    size = options.frame_px
    np.save(folder / "changes.npy", np.stack(changes) if changes else np.zeros((0, size, size, 3), np.int8))
    np.save(folder / "change_faces.npy", np.array(owners, np.int32))
    np.save(folder / "change_ages.npy", np.array(ages, np.float32))
    return [aligned[d].name for d in chosen]


def choose_donors(
    aligned: Sequence[AlignedFace],
    details: dict[int, FaceDetail],
    options: PrepareOptions,
    names: Sequence[str],
) -> list[int]:
    """Numbers of the donor faces: those named, or the old, frontal, evenly lit ones with most detail.

    Raises UsageError when a named donor is not among the training faces.
    """
    by_name = {aligned[i].name: i for i in details}
    missing = [n for n in names if n not in by_name]
    if missing:
        raise UsageError(f"the donors {', '.join(missing)} are not among the faces that training can use")
    if names:
        return [by_name[n] for n in names]
    fit = [
        i
        for i, d in details.items()
        if aligned[i].age >= options.donor_min_age
        and abs(aligned[i].turn) <= options.donor_max_turn
        and _asymmetry(d) <= options.donor_max_asymmetry
    ]
    fit.sort(key=lambda i: -float(details[i].detail[details[i].skin > 0.5].std()))
    return fit[: options.donor_count]


def _asymmetry(face: FaceDetail) -> float:
    """Difference of mean log intensity between the two halves of the skin: side light."""
    columns = np.arange(face.skin.shape[1]) < face.landmarks_px[:, 0].mean()
    brightness = face.log.mean(axis=2)
    skin = face.skin > 0.5
    return float(abs(brightness[skin & columns].mean() - brightness[skin & ~columns].mean()))


def _unlikeness(face: FaceDetail, donor: FaceDetail) -> float:
    """How different two faces are in skin tone: the rule that gives each face its donors.

    A rule that a patch alone shows keeps the older version a function of the face, which squared error needs.
    """
    tone = [np.median(f.log[f.skin > 0.5], axis=0) for f in (face, donor)]
    return float(np.abs(tone[0] - tone[1]).mean())
