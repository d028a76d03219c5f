"""What results say of the command that made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.helpers import ROOT

from amgan.benchmarking.machine import typed

RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def test_folders_of_the_machine_are_not_told(tmp_path: Path) -> None:
    script, output = tmp_path / "benchmarks" / "a.py", "/somewhere/else/my result.json"
    told = typed("python", [str(script), "--photos", "3", "faces/of mine", "-o", output], tmp_path)
    assert told == "python benchmarks/a.py --photos 3 'faces/of mine' -o 'my result.json'"


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_committed_results_name_no_folder_of_a_machine(path: Path) -> None:
    result = json.loads(path.read_text(encoding="utf-8"))
    head = result.get("amgan", result)
    words = head.get("command", "").split()
    assert not [word for word in words if word.strip("'\"").startswith("/")]
