"""The measurement of readings against true ages, on the samples, and its page."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support.helpers import COLLINS, HOPPER, ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import true_ages
from true_ages import Reading

from amgan.faces.known_ages import is_check
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.pipeline.estimator import Estimator


def test_portraits_of_true_age_alone_are_read(tmp_path: Path) -> None:
    for source in (COLLINS, HOPPER):
        shutil.copy(source, tmp_path / source.name)
    table = tmp_path / "ages.csv"
    table.write_text(
        f"file,age,age_is,kind\n{COLLINS.name},41,true,real\n{HOPPER.name},77,estimated,real\nnone.jpg,30,true,real\n"
        "other.jpg,,true,real\nmade.jpg,20,true,synthetic\n"
    )
    readings, without = true_ages.read_all([(tmp_path, table)], Estimator(Bundle.open(None)))
    assert [(one.name, one.true) for one in readings] == [(COLLINS.name, 41.0)]
    assert 15 < readings[0].read < 90
    assert without == 1  # there is no none.jpg


def test_each_half_is_summed_up_by_itself() -> None:
    names = [f"face_{k}.jpg" for k in range(60)]
    ages = np.linspace(30, 80, 60)
    off = [6.0 if is_check(name) else 1.0 for name in names]
    groups = true_ages.summarise([Reading(n, a, a + o) for n, a, o in zip(names, ages, off, strict=True)])
    assert groups["checks"]["faces"] + groups["taught"]["faces"] == 60
    assert groups["checks"]["error_years"]["mean"] == pytest.approx(6)
    assert groups["taught"]["bias_years"]["mean"] == pytest.approx(1)
    assert groups["held_out"]["faces"] < groups["checks"]["faces"]
    told = true_ages.tables({"groups": groups})
    assert "| mean error, years | 6.0 (6.0 to 6.0) | 6.0 (6.0 to 6.0) | 1.0 (1.0 to 1.0) |" in told
    assert "| bias of those 40 to 49 | +6.0 (+6.0 to +6.0), n = " in told


def test_the_page_has_the_table_of_the_result() -> None:
    result = json.loads(true_ages.RESULT.read_text())
    page = true_ages.PAGE.read_text(encoding="utf-8")
    assert f"{true_ages.BEGIN}\n{true_ages.tables(result)}{true_ages.END}" in page
