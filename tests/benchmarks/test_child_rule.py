"""The measurement of the rule that spares children, on the samples, and its page."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support.helpers import COLLINS, HOPPER, ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import child_rule

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.estimator import Estimator


def test_faces_of_a_table_are_read_and_summed_up(tmp_path: Path) -> None:
    for source in (COLLINS, HOPPER):
        shutil.copy(source, tmp_path / source.name)
    table = tmp_path / "ages.csv"
    table.write_text(
        f"file,age,age_is\n{COLLINS.name},41,true\n{HOPPER.name},77,estimated\nnone.jpg,3,true\n{HOPPER.name},,\n"
    )
    finder, estimator = FaceFinder(threads=1), Estimator(Bundle.open(None))
    readings = child_rule.read_all([(tmp_path, table)], finder, estimator)
    assert [(one.path.name, one.age, one.kind) for one in readings] == [
        (COLLINS.name, 41.0, "known"),
        (HOPPER.name, 77.0, "estimated by another network"),
    ]
    lines = child_rule.summarise(readings)
    assert [(line["from"], line["faces"], line["spared"]) for line in lines] == [(30, 1, 0), (30, 1, 0)]
    assert lines[1]["mean_error"] == pytest.approx(readings[0].years - 41, abs=0.06) or lines[0]["faces"] == 1
    dark = child_rule.in_sunglasses(readings, finder, estimator)
    assert dark == {"faces": 2, "spared_as_they_are": 0, "spared_in_sunglasses": 0}


def test_sunglasses_cover_the_eyes_alone() -> None:
    rgb = read_photo(HOPPER).pixels
    face = FaceFinder(threads=1).find(rgb)[0]
    worn = child_rule.wear_sunglasses(rgb, face)
    changed = (worn != rgb).any(axis=2)
    x, y = face.landmarks[468 - 2 :].mean(axis=0)  # by the left eye
    assert changed[round(y), round(x)]
    assert 0.02 < changed.mean() < 0.2
    x, y = np.rint(face.landmarks[152]).astype(int)  # the chin
    assert not changed[y, x]


def test_the_page_has_the_table_of_the_result(tmp_path: Path) -> None:
    result = json.loads(child_rule.RESULT.read_text())
    page = child_rule.PAGE.read_text(encoding="utf-8")
    assert f"{child_rule.BEGIN}\n{child_rule.tables(result)}{child_rule.END}" in page
    assert result["limit_years"] == child_rule.CHILD_YEARS
    (tmp_path / "page.md").write_text(f"a\n{child_rule.BEGIN}\nold\n{child_rule.END}\nb\n")
    child_rule.write_tables(result, tmp_path / "page.md")
    told = (tmp_path / "page.md").read_text()
    assert "old" not in told and told.startswith("a\n") and told.endswith("\nb\n")
