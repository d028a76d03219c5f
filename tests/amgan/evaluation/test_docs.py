"""The model card's numbers are those of the committed result."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_evaluation", ROOT / "docs" / "make_evaluation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_numbers_in_the_texts_are_those_of_the_result(maker: ModuleType) -> None:
    found = maker.parts(json.loads(maker.RESULT.read_text()))
    for path in maker.TEXTS:
        text = path.read_text()
        assert "<!-- numbers:" in text
        assert maker.fill(text, found) == text, f"run docs/make_evaluation.py: {path.name} has other numbers"


def test_a_part_is_written_anew(maker: ModuleType) -> None:
    text = "a\n<!-- numbers: x -->\n| old |\n<!-- end -->\nb\n"
    assert maker.fill(text, {"x": "| new |\n"}) == "a\n<!-- numbers: x -->\n| new |\n<!-- end -->\nb\n"
    with pytest.raises(KeyError):
        maker.fill(text, {})


def test_the_committed_result_is_of_held_out_faces(maker: ModuleType) -> None:
    result = json.loads(maker.RESULT.read_text())
    assert "held-out" in result["source"]
    assert result["command"].startswith("amgan evaluate ")
    assert result["faces_measured"] == len(result["by_face"])
