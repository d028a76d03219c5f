"""The commands on real photos, with the real face finder and a tiny bundle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import one_sentence, run

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two good photos, one of them a level down, one without a face, and a file that is no picture."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(SAMPLES / "grace_hopper.jpg", folder)
    shutil.copy(SAMPLES / "eileen_collins.png", folder / "sub")
    Image.fromarray(np.full((300, 400, 3), 128, np.uint8)).save(folder / "wall.jpg")
    (folder / "list.txt").write_text("grace, eileen")
    return folder


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_batch_does_the_good_ones_and_lists_the_others(
    photos: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    out = tmp_path / "aged"
    result = run("run-batch", photos, "-o", out, "--age", "70", "--model", tiny_bundle)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("aged 2 of 4 photos, faces: 2,")
    assert f"{photos / 'list.txt'}: not a picture" in result.stdout
    assert f"{photos / 'wall.jpg'}: no face" in result.stdout
    written = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert written - {".amgan/lock", ".amgan/run.jsonl"} == {"grace_hopper.jpg", "sub/eileen_collins.png"}
    before, after = pixels(photos / "sub" / "eileen_collins.png"), pixels(out / "sub" / "eileen_collins.png")
    assert before.shape == after.shape
    assert (before != after).any()
    assert (before[400:] == after[400:]).all()


def test_one_photo_gives_the_same_bytes_as_a_batch(photos: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    asked = ("--age", "+20", "--zone", "forehead=+40", "--model", tiny_bundle)
    single = run("age", photos / "sub" / "eileen_collins.png", "-o", tmp_path / "single.png", *asked)
    assert single.exit_code == 0, single.output
    batch = run("run-batch", photos / "sub", "-o", tmp_path / "batch", *asked)
    assert batch.exit_code == 0, batch.output
    assert (tmp_path / "single.png").read_bytes() == (tmp_path / "batch" / "eileen_collins.png").read_bytes()


def test_age_beyond_the_model_is_wrong_use(photos: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    result = run("run-batch", photos, "-o", tmp_path / "out", "--age", "300", "--model", tiny_bundle)
    assert result.exit_code == 2
    assert result.stderr.startswith("amgan: ")
    assert not (tmp_path / "out").exists()


def test_photo_without_a_face(photos: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    for command in (("age", "-o", tmp_path / "x.jpg", "--age", "70"), ("estimate",)):
        result = run(command[0], photos / "wall.jpg", *command[1:], "--model", tiny_bundle)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith(f"amgan: '{photos / 'wall.jpg'}'")
    assert not (tmp_path / "x.jpg").exists()


def test_no_such_bundle(photos: Path, tmp_path: Path) -> None:
    result = run(
        "age", photos / "grace_hopper.jpg", "-o", tmp_path, "--age", "70", "--model", tmp_path / "none"
    )
    assert result.exit_code == 1
    one_sentence(result)


def test_estimate(photos: Path, tiny_bundle: Path) -> None:
    result = run("estimate", photos / "grace_hopper.jpg", "--json", "--model", tiny_bundle)
    assert result.exit_code == 0, result.output
    (face,) = json.loads(result.stdout)["faces"]
    assert 0 <= face["zones"]["forehead"] <= 120
    assert len(face["box"]) == 4
    result = run("estimate", photos / "grace_hopper.jpg", "--model", tiny_bundle)
    assert result.exit_code == 0, result.output
    assert "nasolabial-left" in result.stdout


def test_estimate_of_many_faces_through_a_pipe_loses_no_number(tmp_path: Path, tiny_bundle: Path) -> None:
    count = 24
    faces = [Image.open(SAMPLES / name).convert("RGB") for name in ("grace_hopper.jpg", "eileen_collins.png")]
    group = Image.new("RGB", (6 * 260, count // 6 * 300), (110, 120, 125))
    for number in range(count):
        face = faces[number % 2].resize((250, 290))
        group.paste(face, (number % 6 * 260, number // 6 * 300))
    group.save(tmp_path / "group.png")
    command = [sys.executable, "-m", "amgan", "estimate", "group.png", "--model", str(tiny_bundle)]
    table, told = (
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for more in ((), ("--json",))
    )
    found = json.loads(told)["faces"]
    assert len(found) == count
    rows: dict[str, list[str]] = {}
    for line in table.splitlines():
        name, *numbers = [cell.strip() for cell in line.strip("\u2502| ").replace("\u2502", "|").split("|")]
        rows.setdefault(name, []).extend(numbers)
    for zone in found[0]["zones"]:
        assert [float(number) for number in rows[zone]] == pytest.approx(
            [face["zones"][zone] for face in found], abs=0.56
        )
    assert [int(number) for number in re.findall(r"face (\d+)", table)] == list(range(1, count + 1))
    corners = [(int(x), int(y)) for x, y in re.findall(r"at (\d+), (\d+) ", table)]
    assert np.abs(np.subtract(corners, [face["box"][:2] for face in found])).max() < 0.56


INTERRUPT_ITSELF = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from amgan.cli import main
from amgan.runtime.batch import run
finish = run._Run._finish
def finish_and_press_ctrl_c(self, job, outcome):
    finish(self, job, outcome)
    if len(self._outcomes) == 1:
        signal.raise_signal(signal.SIGINT)
run._Run._finish = finish_and_press_ctrl_c
main({arguments!r})
"""


def test_ctrl_c_stops_cleanly(tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(200):
        shutil.copy(SAMPLES / "grace_hopper.jpg", tmp_path / "in" / f"{number:03}.jpg")
    out = tmp_path / "out"
    arguments = [
        "run-batch",
        str(tmp_path / "in"),
        "-o",
        str(out),
        "--age",
        "70",
        "--model",
        str(tiny_bundle),
    ]
    # who runs the tests in the background of a shell hands down that Ctrl-C is ignored
    done = subprocess.run(
        [sys.executable, "-P", "-c", INTERRUPT_ITSELF.format(arguments=arguments)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    told = done.stderr
    aged = sorted(path for path in out.iterdir() if path.name != ".amgan")
    assert done.returncode == 130, told
    assert told.startswith(f"amgan: interrupted, {len(aged)} of 200 photos are aged and written; run")
    assert 0 < len(aged) < 200
    for path in aged:
        assert path.suffix == ".jpg"
        assert pixels(path).shape == (600, 512, 3)
