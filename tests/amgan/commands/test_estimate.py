"""`amgan estimate`, and the faces it numbers, with a fake pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from support.command_line import one_sentence, run
from support.command_pipeline import CommandPipeline
from support.fake_pipeline import photo

from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.face.zones import PART_NAMES

pytestmark = pytest.mark.usefixtures("fake")


def test_estimate_as_json(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = run("estimate", source, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["photo"] == str(source)
    assert told["faces"][0] == {
        "face": 1,
        "box": [1.0, 2.0, 30.0, 40.0],
        "age": 41.3,  # the mean of the fifteen zones
        "zones": dict.fromkeys(PART_NAMES, 41.2) | {"forehead": 50.0, "chin": 33.3},
    }
    assert len(told["faces"]) == 2


def test_estimate_as_a_table(tmp_path: Path) -> None:
    result = run("estimate", photo(tmp_path / "a.png"))
    assert result.exit_code == 0, result.output
    for word in ("face 1", "face 2", "forehead", "chin", "41", "50", "33"):
        assert word in result.stdout


@pytest.mark.parametrize("name", ["me [edited].png", "a:smile:.png", "x[/b].png", "[bold]x.png"])
def test_estimate_shows_names_as_they_are(tmp_path: Path, name: str) -> None:
    source = photo(tmp_path / name)
    result = run("estimate", source)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == f"{source}: apparent age in years"


def test_estimate_of_many_faces_loses_no_number(
    tmp_path: Path, fake: type[CommandPipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [
        (
            SimpleNamespace(box=(10_000.0 + n, 20_000.0, 1.0, 1.0)),
            FaceAges(30.0, dict.fromkeys(PART_NAMES, 50.0 + n)),
        )
        for n in range(24)
    ]
    monkeypatch.setattr(fake, "estimate", lambda self, rgb: faces)
    result = run("estimate", photo(tmp_path / "a.png"))
    lines = result.stdout.splitlines()
    headings = " ".join(lines)
    for n in range(24):
        assert f"face {n + 1} " in headings
        assert f"at {10_000 + n}, 20000" in headings
    shown = [word for line in lines if "chin" in line for word in line.replace("\u2502", " ").split()[1:]]
    assert shown == [str(50 + n) for n in range(24)]


def test_estimate_draws_the_numbers(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    result = run("estimate", source, "--draw", tmp_path / "numbers.png")
    assert result.exit_code == 0, result.output
    with Image.open(source) as before, Image.open(tmp_path / "numbers.png") as drawn:
        assert drawn.size == before.size
    for name, told in ((source, "is the photo itself"), (tmp_path / "numbers.txt", "name it .png or .jpg")):
        result = run("estimate", source, "--draw", name)
        assert result.exit_code == 2
        assert f"'{name}'" in one_sentence(result) and told in one_sentence(result)
    assert not (tmp_path / "numbers.txt").exists()


def test_faces_are_chosen_by_number_or_place(tmp_path: Path, fake: type[CommandPipeline]) -> None:
    source = photo(tmp_path / "a.png")
    for options, chosen in (
        (("--face", 2), "#2"),
        (("--face", 2, "--face", 1), "#2,#1"),
        (("--faces", "left"), "left"),
        (("--faces", "10,20"), "10,20"),
        ((), "all"),
    ):
        result = run("age", source, "-o", tmp_path / "out.png", "--age", 70, *options)
        assert result.exit_code == 0, result.output
        assert fake.requests[-1].faces == chosen
    for options in (("--face", 2, "--faces", "left"), ("--faces", "left", "--face", 2), ("--face", 0)):
        assert run("age", source, "-o", tmp_path / "x.png", "--age", 70, *options).exit_code == 2


def test_estimate_that_fails(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for source, code in (
        (photo(tmp_path / "b.png", 0), 1),
        (tmp_path / "gone.png", 1),
        (tmp_path / "text.jpg", 1),
        (tmp_path, 2),
    ):
        result = run("estimate", source)
        assert result.exit_code == code, source
        one_sentence(result)
    assert "no face was found" in one_sentence(run("estimate", tmp_path / "b.png"))
