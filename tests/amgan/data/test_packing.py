"""A training set in one file and back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.command_line import run
from support.mirrored_set import prepare_mirrored

from amgan.data.dataset import load_dataset
from amgan.data.packing import pack_set, unpack_set
from amgan.runtime.errors import UsageError

SAME = (
    "landmarks", "ages", "part_ages", "sides", "line_strengths", "region_masks", "coordinates",
    "change_faces",
    "change_ages",
    "change_patterns",
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_mirrored(tmp_path_factory.mktemp("packing"), 192)


def test_a_set_comes_back(prepared_folder: Path, tmp_path: Path) -> None:
    packed, folder = tmp_path / "set.zip", tmp_path / "back"
    result = run("pack", str(prepared_folder), "-o", str(packed), "--quality", "95")
    assert result.exit_code == 0 and "MB" in result.output, result.output
    result = run("unpack", str(packed), "-o", str(folder))
    assert result.exit_code == 0, result.output
    before, after = load_dataset(prepared_folder), load_dataset(folder)
    assert packed.stat().st_size < 0.15 * sum(p.stat().st_size for p in prepared_folder.iterdir())
    assert after.index == before.index
    for name in SAME:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    for name, close in (("frames", 3.0), ("changes", 1.5)):
        assert len(getattr(after, name))
        apart = np.abs(getattr(before, name).astype(int) - getattr(after, name))
        assert apart.mean() < close, name
    assert not list(tmp_path.glob("*.part"))


def test_what_cannot_be_unpacked(prepared_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        unpack_set(tmp_path / "none.zip", tmp_path / "out")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    with pytest.raises(UsageError, match="no packed training set"):
        unpack_set(tmp_path / "bad.zip", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("index.json", '{"packed": 99}')
    with pytest.raises(UsageError, match="packed as 99"):
        unpack_set(tmp_path / "new.zip", tmp_path / "out")
    whole = pack_set(prepared_folder, tmp_path / "whole.zip")
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(UsageError, match="damaged"):
        unpack_set(whole, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="is not empty"):
        unpack_set(whole, prepared_folder)
