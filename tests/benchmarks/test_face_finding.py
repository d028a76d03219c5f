"""The measurement of which faces are found, on the samples, and its page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.helpers import HOPPER, ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import face_finding

from amgan.runtime.face.finder import FaceFinder


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(threads=1)


@pytest.fixture(scope="module")
def portrait(finder: FaceFinder) -> face_finding.Portrait:
    return face_finding.read_portraits(HOPPER.parent, finder, 2)[1]


def test_a_face_is_found_where_it_was_put(portrait: face_finding.Portrait, finder: FaceFinder) -> None:
    assert face_finding.in_a_scene(portrait, 40, finder)[0]
    assert face_finding.close_up(portrait, 0.0, finder)
    assert face_finding.turned(portrait, 90, finder)
    five = face_finding.beside_a_large_one(portrait, [portrait] * 5, 210, finder)
    assert five == [True] * 5
    for change in face_finding.LIGHTS.values():
        assert change(portrait.rgb).dtype == np.uint8


def test_what_is_not_there_counts_as_missed(portrait: face_finding.Portrait, finder: FaceFinder) -> None:
    nobody = face_finding.Portrait(np.full((60, 80, 3), 90, np.uint8), None)
    assert face_finding.in_a_scene(nobody, 40, finder) == (False, None)
    assert not face_finding.close_up(nobody, 0.0, finder)
    assert face_finding.beside_a_large_one(nobody, [portrait], 210, finder) == [False]
    assert face_finding.beside_a_large_one(portrait, [nobody], 210, finder) == [False]
    assert not face_finding.turned(nobody, 0, finder)
    found = finder.look(portrait.rgb)
    assert not face_finding.holds(found, (0, 0), 50)
    assert face_finding.share([True, False]) == {"faces": 2, "found": 1, "share": 0.5}


def test_the_page_has_the_tables_of_the_result(tmp_path: Path) -> None:
    result = json.loads(face_finding.RESULT.read_text())
    page = face_finding.PAGE.read_text(encoding="utf-8")
    assert f"{face_finding.BEGIN}\n{face_finding.tables(result)}{face_finding.END}" in page
    (tmp_path / "page.md").write_text(f"a\n{face_finding.BEGIN}\nold\n{face_finding.END}\nb\n")
    face_finding.write_tables(result, tmp_path / "page.md")
    told = (tmp_path / "page.md").read_text()
    assert "old" not in told and told.startswith("a\n") and told.endswith("\nb\n")
