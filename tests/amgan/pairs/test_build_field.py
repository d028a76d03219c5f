"""From photos to an aging field and its report, and from there to a training set."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image, ImageEnhance
from support.command_line import run
from support.helpers import COLLINS, HOPPER

from amgan.data.dataset import load_dataset
from amgan.faces.splits import is_held_out
from amgan.pairs import build_field
from amgan.pairs.aging_field import load_field
from amgan.pairs.field_report import DECADES, zone_changes

pytestmark = pytest.mark.slow

NAMES = [name for name in (f"face{i}.png" for i in range(40)) if not is_held_out(name)][:14]
OLD = NAMES[:5]
GONE = next(name for name in (f"gone{i}.png" for i in range(20)) if not is_held_out(name))
RECIPE = f"""
texture = {{ "{OLD[0]}" = 1.0 }}
mottling = {{ "{OLD[1]}" = 1.0 }}
[rms]
forehead = 0.03
folds = 0.03
[[pattern]]
name = "one"
[pattern.donors]
forehead = ["{OLD[0]}", "{OLD[1]}"]
folds = ["{OLD[0]}"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in two folders: one person taken for old, another for young, in different light."""
    folder = tmp_path_factory.mktemp("field")
    (folder / "more").mkdir()
    hopper = Image.open(HOPPER).convert("RGB").resize((384, 450))
    collins = Image.open(COLLINS).convert("RGB").resize((760, 760))
    rows = []
    for number, name in enumerate(NAMES):
        light = ImageEnhance.Brightness(hopper if name in OLD else collins).enhance(0.8 + 0.03 * number)
        light.save(folder / ("more" if number % 3 else ".") / name, compress_level=1)
        rows.append(f"{name},{60 + 4 * number if name in OLD else 15 + 2 * number},female")
    (folder / "ages.csv").write_text("\n".join(["file,age,sex", *rows, f"{GONE},50,male"]) + "\n")
    (folder / "patterns.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Small frames, and few faces are enough."""
    size = functools.partial(build_field.FieldSize, field_px=128, lines_px=256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_field, "LEAST_FACES", 10)
        patch.setattr(build_field, "FieldSize", size)
        yield


def fit(folder: Path, output: Path, *more: str) -> Result:
    return run(
        "fit-field",
        str(folder),
        str(folder / "more"),
        "--ages",
        str(folder / "ages.csv"),
        "--patterns",
        str(folder / "patterns.toml"),
        "-o",
        str(output),
        *more,
    )


@pytest.fixture(scope="module")
def fitted(folder: Path, small: None) -> Path:
    """Folder with field.npz and its report."""
    result = fit(folder, folder / "field.npz", "--report", str(folder / "report"))
    assert result.exit_code == 0, result.output
    return folder


def test_the_field_and_its_report(fitted: Path) -> None:
    field, report = load_field(fitted / "field.npz"), fitted / "report"
    assert field.pattern_names == ("one",) and field.lines.shape == (1, 256, 256)
    assert field.report["faces"] == len(NAMES) and field.report["left_out"] == {"not there": 1}
    assert field.report["faces_by_group"] == {"one": len(OLD)}
    change = field.difference(75.0, 25.0)
    assert np.isfinite(change).all() and np.abs(change).max() > 0.02
    assert np.abs(field.lines).max() > 0.02
    page = (report / "report.html").read_text()
    for name in ("light.png", "colour.png", "products.png", "deviations.png", "lines.png", "texture.png"):
        assert name in page and Image.open(report / name).size[0] > 100
    assert all(name in page for name in OLD) and "nasolabial" in page
    assert {len(row) for row in zone_changes(field).values()} == {len(DECADES)}


def test_a_set_by_the_field(fitted: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(fitted), str(fitted / "more"), "--ages", str(fitted / "ages.csv")]
    output, file = tmp_path / "set", fitted / "field.npz"
    result = run(*arguments, "-o", str(output), "--field", str(file), "--frame-px", "96")
    assert result.exit_code == 0, result.output
    dataset = load_dataset(output)
    assert dataset.patterns == 1 and dataset.index["patterns"] == ["one"]
    assert sorted(dataset.names) == sorted(NAMES) and len(dataset.changes) > len(NAMES)
    assert np.abs(dataset.changes.astype(int)).max() > 10


def test_the_same_faces_give_the_same_field(fitted: Path, tmp_path: Path) -> None:
    assert fit(fitted, tmp_path / "again.npz").exit_code == 0
    first, second = load_field(fitted / "field.npz"), load_field(tmp_path / "again.npz")
    for name in ("field", "products", "deviations", "lines", "texture", "mottling", "shape"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_what_cannot_be_fitted(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("ages.csv", "patterns.toml"):
        shutil.copy(folder / name, own)

    def said() -> str:
        result = fit(own, tmp_path / "field.npz")
        assert result.exit_code == 2 and not (tmp_path / "field.npz").exists()
        return result.stderr

    (own / "more").mkdir()
    assert "0 faces are too few to fit on, 10 are needed; left out: {'not there': 15}" in said()
    recipe = RECIPE.replace(OLD[1], "stranger.png")
    (own / "patterns.toml").write_text(recipe)
    assert "the donors stranger.png of the recipe are not among the faces to fit on" in said()
    for name in NAMES[2:]:
        shutil.copy(folder / ("more" if NAMES.index(name) % 3 else ".") / name, own)
    (own / "patterns.toml").write_text(RECIPE)
    assert f"the donors {OLD[0]}, {OLD[1]} cannot be used; left out: {{'not there': 3}}" in said()
