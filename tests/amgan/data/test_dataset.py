"""The prepared training set on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from amgan.data.dataset import ARRAYS, Dataset, load_dataset
from amgan.faces.splits import is_held_out
from amgan.runtime.errors import UsageError


def test_what_was_written_is_read(dataset: Dataset, set_folder: Path) -> None:
    assert dataset.frame_px == dataset.frames.shape[1] == 64
    assert dataset.names == [f"{i}.jpg" for i in range(8)]
    assert dataset.faces("train").tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.faces("held-out").tolist() == [6, 7]
    for name in ARRAYS:
        array = getattr(dataset, name)
        assert isinstance(array, np.memmap) and not array.flags.writeable
        assert np.array_equal(array, np.load(set_folder / f"{name}.npy"))


def test_changes_belong_to_training_faces_only(dataset: Dataset) -> None:
    assert not set(dataset.change_faces) & set(dataset.faces("held-out"))


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_is_no_set(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "x"
    if exists:
        folder.mkdir()
    with pytest.raises(UsageError, match=r"no prepared training set.*amgan prepare"):
        load_dataset(folder)


def test_another_schema(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"schema": 99, "faces": []}))
    with pytest.raises(UsageError, match=r"schema 99.*prepare it again"):
        load_dataset(tmp_path)


def test_arrays_are_never_unpickled(set_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text((set_folder / "index.json").read_text())
    for name in ARRAYS:
        np.save(tmp_path / f"{name}.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises((UsageError, ValueError)):
        load_dataset(tmp_path)


def test_a_tenth_is_held_out_by_name_alone() -> None:
    held = [is_held_out(f"face_{i}.jpg") for i in range(3000)]
    assert 0.07 < np.mean(held) < 0.14
    assert is_held_out("some/where/face_7.png") == is_held_out("face_7.jpg")


def test_a_damaged_set_is_refused(set_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(set_folder, broken)
    (broken / "ages.npy").unlink()
    with pytest.raises(UsageError, match="is damaged"):
        load_dataset(broken)
    (broken / "index.json").write_text("{")
    with pytest.raises(UsageError, match="is no JSON"):
        load_dataset(broken)
