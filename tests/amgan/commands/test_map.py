"""`amgan map`, and ageing by a map or for a population, with the real face finder and a tiny bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.atlas_helpers import make_atlas
from support.command_line import one_sentence, run
from support.helpers import COLLINS, HOPPER

from amgan.runtime.ages.atlas import Curve, write_atlas


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)


@pytest.fixture
def two_faces(tmp_path: Path) -> Path:
    faces = [Image.open(photo).convert("RGB").resize((512, 512)) for photo in (HOPPER, COLLINS)]
    pair = Image.new("RGB", (1024, 512))
    pair.paste(faces[0], (0, 0))
    pair.paste(faces[1], (512, 0))
    pair.save(tmp_path / "two.png")
    return tmp_path / "two.png"


def test_the_picture_has_a_row_for_every_face(two_faces: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    one, both = tmp_path / "one.png", tmp_path / "both.jpg"
    result = run("map", two_faces, "-o", both, "--model", tiny_bundle)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{both}: 2 faces\n"
    assert run("map", two_faces, "-o", one, "--model", tiny_bundle, "--faces", "largest").exit_code == 0
    assert Image.open(both).height == 2 * Image.open(one).height
    assert {p.name for p in tmp_path.iterdir()} == {"one.png", "both.jpg", "two.png"}


def test_what_is_wanted_is_drawn_beside_what_is(tmp_path: Path, tiny_bundle: Path) -> None:
    now, wanted, other = (tmp_path / f"{name}.png" for name in ("now", "wanted", "other"))
    assert run("map", HOPPER, "-o", now, "--model", tiny_bundle).exit_code == 0
    for path, age in ((wanted, "60"), (other, "80")):
        assert run("map", HOPPER, "-o", path, "--age", age, "--model", tiny_bundle).exit_code == 0
    assert Image.open(wanted).width > Image.open(now).width
    assert (pixels(wanted) != pixels(other)).any()


@pytest.mark.parametrize("name", ["wanted.png", "wanted.npy"])
def test_a_saved_map_ages_like_the_wish_that_it_was_saved_from(
    tmp_path: Path, tiny_bundle: Path, name: str
) -> None:
    saved = tmp_path / name
    asked = ("--age", "75", "--zone", "forehead=20")
    result = run("map", HOPPER, "--save-map", saved, *asked, "--model", tiny_bundle)
    assert result.exit_code == 0, result.output
    for out, how in (("direct.png", asked), ("by-map.png", ("--map", saved))):
        result = run("age", HOPPER, "-o", tmp_path / out, *how, "--model", tiny_bundle, "--device", "cpu")
        assert result.exit_code == 0, result.output
    before, direct, by_map = pixels(HOPPER), pixels(tmp_path / "direct.png"), pixels(tmp_path / "by-map.png")
    assert np.abs(direct - before).max() > 10
    assert np.abs(direct - by_map).mean() < 0.03 * np.abs(direct - before).mean()


def test_an_untouched_saved_map_changes_next_to_nothing(tmp_path: Path, tiny_bundle: Path) -> None:
    now = tmp_path / "now.npy"
    assert run("map", HOPPER, "--save-map", now, "--model", tiny_bundle).exit_code == 0
    out = tmp_path / "same.png"
    assert run("age", HOPPER, "-o", out, "--map", now, "--model", tiny_bundle).exit_code == 0
    assert np.abs(pixels(out) - pixels(HOPPER)).max() <= 1


def test_a_population_changes_what_an_age_means(tmp_path: Path, tiny_bundle: Path) -> None:
    steep = Curve((10.0, 50.0, 90.0), (10.0, 20.0, 90.0))
    atlas = write_atlas(make_atlas("steep", steep), tmp_path / "steep.json")
    maps = []
    for more in ((), ("--population", atlas)):
        saved = tmp_path / "saved.npy"
        result = run("map", HOPPER, "--save-map", saved, "--age", "85", *more, "--model", tiny_bundle)
        assert result.exit_code == 0, result.output
        maps.append(np.load(saved))
    assert np.abs(maps[0] - maps[1]).max() > 1


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((), 2, "nothing would be written"),
        (("-o", "map.bmp"), 2, "name it .png or .jpg"),
        (("-o", "map.png", "--age", "7000"), 2, "is not an age"),
        (("-o", "map.png", "--age", "12"), 2, "ask for 15 to 90"),
        (("-o", "map.png", "--zone", "elbow=40"), 2, "the zones are forehead"),
        (("-o", "map.png", "--population", "atlantis", "--age", "70"), 2, "no population 'atlantis'"),
        (("-o", "map.png", "--population", "base"), 2, "nothing was asked for"),
        (("-o", "map.png", "--map", "none.png"), 2, "does not exist"),
        (("--save-map", "map.tiff"), 2, "name it .png or .npy"),
        (("-o", "/dev/null/map.png"), 1, "cannot be written"),
    ],
)
def test_wrong_use_is_answered_with_one_sentence(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, code: int, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("map", HOPPER, "--model", tiny_bundle, *arguments)
    assert result.exit_code == code, result.output
    assert word in one_sentence(result)
    assert not list(tmp_path.rglob("map.*"))


def test_the_name_of_a_saved_map_is_checked_before_the_photo(tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (200, 200), "grey").save(wall)
    result = run("map", wall, "--save-map", tmp_path / "map.tiff")
    assert (result.exit_code, "name it .png or .npy" in one_sentence(result)) == (2, True)


def test_photos_that_give_no_map(two_faces: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), "grey").save(wall)
    result = run("map", wall, "-o", tmp_path / "map.png", "--model", tiny_bundle)
    assert (result.exit_code, "no face was found" in result.stderr) == (1, True)
    result = run("map", two_faces, "--save-map", tmp_path / "map.png", "--model", tiny_bundle)
    assert (result.exit_code, "--faces largest" in result.stderr) == (2, True)
    result = run("map", two_faces, "-o", two_faces, "--model", tiny_bundle)
    assert (result.exit_code, "never overwritten" in result.stderr) == (2, True)
    assert not (tmp_path / "map.png").exists()
