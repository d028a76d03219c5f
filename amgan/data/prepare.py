"""Makes a training set out of a folder of face photos and a table of apparent ages."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.faces.age_curve import read_calibrated_ages
from amgan.faces.tables import ZoneLabels, read_labels
from amgan.runtime.ages.maps import make_footprints
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES

from ..faces.aligning import AlignedFace, PrepareOptions, Progress, align_all
from ..faces.mesh_warp import triangulate
from ..faces.splits import is_held_out
from .composite import CompositeOptions
from .dataset import SCHEMA
from .detail import FOLD_BLUR, TransferOptions, older_change, younger_change
from .donors import aged_donor, choose_donors, split


def prepare_dataset(
    faces: Path,
    ages_csv: Path,
    output: Path,
    frame_px: int = 640,
    progress: Progress = lambda done, total, what: None,
    donors: Sequence[str] = (),
    labels: Path | None = None,
    true_ages: Path | None = None,
) -> Path:
    """Align every photo of ``faces`` named in ``ages_csv`` and write a training set (see dataset.py).

    The table needs the columns ``file`` and ``age`` (or ``age_estimate``). ``donors`` names the files
    whose detail ages the others (see composite.py): wrinkles from the first one, folds from all; left
    empty, the strongest evenly lit old faces are taken. ``labels`` is a folder that `amgan label` wrote, with
    the ages of parts; without it, and for faces that it left out, every part has the face's age. With
    ``true_ages``, a table of portraits of known age, ages are taken for estimates and calibrated by it (see
    faces/age_curve.py); labels then are to be made with the same table.
    Raises UsageError for a bad table, an empty result, or an output folder that is not empty.
    """
    require_new(output)
    options = PrepareOptions(frame_px=frame_px)
    ages, known = read_calibrated_ages(ages_csv, true_ages), None if labels is None else read_labels(labels)
    aligned, left_out = align_all(faces, ages, options, progress)
    if not any(not is_held_out(f.name) for f in aligned):
        raise UsageError(f"no face in {faces} is fit for training: {dict(left_out)}")
    part_ages = _part_ages(aligned, known, options.zone_share)
    return write_set(output, aligned, part_ages, options, dict(left_out), donors, progress)


def require_new(output: Path) -> None:
    """Raise UsageError where a training set cannot be written without losing something."""
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty; name a new folder for the training set")


def write_set(
    output: Path,
    aligned: Sequence[AlignedFace],
    part_ages: NDArray[np.float32],
    options: PrepareOptions,
    left_out: Mapping[str, int],
    donors: Sequence[str],
    progress: Progress,
) -> Path:
    """Write the training set of aligned faces whose parts have ``part_ages`` [N, P] in years, all at once.

    Raises UsageError when a named donor is not among the faces.
    """
    work = output.with_name(output.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write_faces(work, aligned, options)
    np.save(work / "part_ages.npy", part_ages)
    chosen = _write_changes(work, aligned, options, donors, progress)
    index = {
        "schema": SCHEMA,
        "options": asdict(options),
        "transfer": asdict(TransferOptions()),
        "composite": asdict(CompositeOptions()),
        "donors": chosen,
        "left_out": left_out,
        "faces": [{"name": f.name, "split": "held-out" if is_held_out(f.name) else "train"} for f in aligned],
    }
    (work / "index.json").write_text(json.dumps(index, indent=1))
    if output.exists():
        output.rmdir()
    work.rename(output)
    return output


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
    composite = aged_donor(aligned, training, chosen, mean, triangles) if chosen else None
    older = [i for i in training if composite is not None and aligned[i].age < options.oldest_to_age]
    younger = [i for i in training if aligned[i].age >= options.youngest_to_rejuvenate]
    size, count = options.frame_px, len(older) + len(younger)
    changes = np.lib.format.open_memmap(
        folder / "changes.npy", mode="w+", dtype=np.int8, shape=(count, size, size, 3)
    )

    def change(number: int) -> None:
        if number < len(older):
            assert composite is not None
            young = split(aligned[older[number]], bare=transfer.bare)
            changes[number] = older_change(young, composite, triangles, transfer)
        else:
            face = split(aligned[younger[number - len(older)]], FOLD_BLUR, transfer.bare_when_old)
            changes[number] = younger_change(face, transfer)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(change, range(count))):
            progress(done, count, "changing ages")
    changes.flush()
    np.save(folder / "change_faces.npy", np.array(older + younger, np.int32))
    ages = [options.older_age] * len(older) + [options.younger_age] * len(younger)
    np.save(folder / "change_ages.npy", np.array(ages, np.float32))
    return [aligned[d].name for d in chosen]
