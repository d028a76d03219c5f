"""Sheets drawn at random, the table of faults that goes with them, and true ages."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amgan.evaluation.belief_tables import true_age_rows
from amgan.evaluation.faults import FAULTS, empty_table, read_faults
from amgan.evaluation.looking import add_faults
from amgan.evaluation.looks import ACROSS, DOWN, TILE_PX, Look, draw_sample, encode_tile, make_looks
from amgan.evaluation.true_ages import against_true_ages
from amgan.faces.known_ages import is_check, read_known_ages
from amgan.runtime.errors import UsageError


def tile(code: int) -> bytes:
    return encode_tile(np.full((TILE_PX, TILE_PX, 3), code, np.uint8))


@pytest.fixture(scope="module")
def looks() -> list[Look]:
    dark, light = tile(20), tile(220)
    return [Look(f"{k:03}.jpg", "real" if k % 2 else "synthetic", "75", dark, light) for k in range(30)]


def test_the_same_seed_draws_the_same_faces_and_kinds_stay_apart(looks: list[Look]) -> None:
    drawn = draw_sample(looks, 13, seed=4)
    assert [d.look.name for d in drawn] == [d.look.name for d in draw_sample(looks[::-1], 13, seed=4)]
    assert [d.look.name for d in drawn] != [d.look.name for d in draw_sample(looks, 13, seed=5)]
    assert len(drawn) == 26
    assert len({d.look.name for d in drawn}) == 26
    for one in drawn:
        assert one.look.kind in one.sheet
    assert drawn[12].sheet == "look-real-2.jpg"
    assert drawn[12].number == 1


def test_a_sheet_shows_before_and_after_at_full_size(looks: list[Look]) -> None:
    sheets = make_looks(draw_sample(looks, 13))
    assert set(sheets) == {f"look-{kind}-{n}.jpg" for kind in ("real", "synthetic") for n in (1, 2)}
    first = np.asarray(Image.open(io.BytesIO(sheets["look-real-1.jpg"])).convert("L"))
    assert first.shape[1] >= ACROSS * 2 * TILE_PX
    assert first.shape[0] >= DOWN * TILE_PX
    assert first[100 : TILE_PX - 20, 20 : TILE_PX - 20].max() < 40
    assert first[100 : TILE_PX - 20, TILE_PX + 20 : 2 * TILE_PX - 20].min() > 200
    second = Image.open(io.BytesIO(sheets["look-real-2.jpg"]))
    assert second.height < 2 * TILE_PX


def filled(looks: list[Look], marks: list[dict[str, str]]) -> str:
    rows = list(csv.DictReader(io.StringIO(empty_table(draw_sample(looks)))))
    written = io.StringIO()
    writer = csv.DictWriter(written, rows[0].keys())
    writer.writeheader()
    writer.writerows([row | mark for row, mark in zip(rows, marks + [{}] * len(rows), strict=False)])
    return written.getvalue()


def test_faults_are_counted_over_the_faces_that_were_looked_at(looks: list[Look], tmp_path: Path) -> None:
    table = tmp_path / "faults.csv"
    marks = [{"bruise": "1"}, {"bruise": "1", "mottling": "x"}, {"bruise": "0"}, {"other": "0"}]
    table.write_text(filled(looks, marks))
    found = read_faults(table)
    assert found["all"] == found["real"]
    assert found["all"]["faces"] == 4
    assert found["all"]["free_of_all"]["mean"] == 0.5
    assert found["all"]["faults"]["bruise"]["mean"] == 0.5
    assert found["all"]["faults"]["mottling"]["mean"] == 0.25
    assert set(found["all"]["faults"]) == set(FAULTS)


def test_a_table_that_cannot_be_counted(looks: list[Look], tmp_path: Path) -> None:
    table = tmp_path / "faults.csv"
    with pytest.raises(UsageError, match=r"faults\.csv' does not exist"):
        read_faults(table)
    table.write_text(empty_table(draw_sample(looks)))
    with pytest.raises(UsageError, match="holds no counts: write 1"):
        read_faults(table)
    table.write_text(filled(looks, [{"bruise": "maybe"}]))
    with pytest.raises(UsageError, match=r"'maybe' as bruise of .*: write 1"):
        read_faults(table)
    table.write_text("file,bruise\na.jpg,1\n")
    with pytest.raises(UsageError, match="lacks the columns kind, mottling"):
        read_faults(table)


def test_counts_go_into_the_results_and_may_be_counted_again(looks: list[Look], tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"what": "x"}')
    (tmp_path / "report.html").write_text("<p>a</p><!-- faults -->\n<p>b</p>")
    for mark in ("1", "0"):
        (tmp_path / "faults.csv").write_text(filled(looks, [{"bruise": mark}]))
        add_faults(tmp_path, read_faults(tmp_path / "faults.csv"))
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["what"] == "x"
    assert result["faults"]["all"]["free_of_all"]["mean"] == 1.0
    page = (tmp_path / "report.html").read_text()
    assert page.count("Faults counted by eye") == 1
    assert page.startswith("<p>a</p>")
    assert page.endswith("<p>b</p>")


def test_results_without_a_place_for_faults(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no evaluation\.json"):
        add_faults(tmp_path, {})
    (tmp_path / "evaluation.json").write_text("{}")
    (tmp_path / "report.html").write_text("<p></p>")
    with pytest.raises(UsageError, match="has no section for faults"):
        add_faults(tmp_path, {"all": {}})


def test_a_reader_against_true_ages() -> None:
    true = [30.0, 40.0, 50.0, 60.0, 70.0, float("nan")]
    found = against_true_ages(true, [35.0 + 0.5 * (age - 30) for age in true[:5]] + [99.0])
    assert found["faces"] == 5
    assert found["slope"] == 0.5
    assert found["correlation"] == 1.0
    assert found["bias_years"]["mean"] == pytest.approx(-5.0)
    assert found["error_years"]["mean"] == pytest.approx(np.mean([5, 0, 5, 10, 15]))
    assert {d: one["bias_years"]["mean"] for d, one in found["by_decade"].items()} == {
        "30": 5.0, "40": 0.0, "50": -5.0, "60": -10.0, "70": -15.0,
    }  # fmt: skip


def test_the_slope_has_an_interval_that_narrows_with_the_faces() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(20, 80, 400)
    read = 20 + 0.6 * true + random.normal(0, 8, 400)
    few, many = (against_true_ages(list(true[:n]), list(read[:n]))["slope_interval"] for n in (40, 400))
    for low, high in (few, many):
        assert low < 0.6 < high
    assert many[1] - many[0] < 0.6 * (few[1] - few[0])
    assert true_age_rows({"own": against_true_ages(list(true), list(read))})[3][1][0] == (
        f"{np.polyfit(true, read, 1)[0]:.2f} ({many[0]:.2f} to {many[1]:.2f})"
    )


def test_a_reader_of_one_face_or_of_one_mind_has_no_slope_to_speak_of() -> None:
    assert against_true_ages([50.0], [40.0])["slope"] is None
    assert against_true_ages([50.0], [40.0])["slope_interval"] is None
    same = against_true_ages([30.0, 50.0, 70.0], [44.0, 44.0, 44.0])
    assert same["slope"] == pytest.approx(0.0, abs=1e-6)
    assert same["correlation"] is None


def test_a_table_of_known_ages(tmp_path: Path) -> None:
    table = tmp_path / "ages.csv"
    table.write_text("file,kind,age,age_is\na.jpg,real,61,true\nb.jpg,synthetic,30,asked\nc.jpg,real,,\n")
    known = read_known_ages(table)
    assert (known["a.jpg"].years, known["a.jpg"].true, known["a.jpg"].real) == (61.0, True, True)
    assert (known["b.jpg"].true, known["b.jpg"].real) == (False, False)
    assert np.isnan(known["c.jpg"].years)
    table.write_text("file,age\na.jpg,61\n")
    assert read_known_ages(table)["a.jpg"].true
    assert read_known_ages(table)["a.jpg"].real


@pytest.mark.parametrize(
    ("text", "words"),
    [("file\na.jpg\n", "lacks the column age"), ("file,age\na.jpg,old\n", "'old' as age of a.jpg"),
     ("file,age\na.jpg,130\n", "'130' as age")],
)  # fmt: skip
def test_a_bad_table_of_known_ages(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_known_ages(tmp_path / "ages.csv")
    (tmp_path / "ages.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_known_ages(tmp_path / "ages.csv")


def test_about_half_of_the_portraits_are_for_checks() -> None:
    names = [f"clerk_{k:04}.jpg" for k in range(400)]
    assert 0.45 < np.mean([is_check(name) for name in names]) < 0.65
    assert is_check("a/b/clerk_0001.jpg") == is_check("clerk_0001.png")
