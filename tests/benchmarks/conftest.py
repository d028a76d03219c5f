"""A result that is made up, and the scripts of benchmarks/ as modules."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.helpers import ROOT
from support.made_up_results import made_up_result

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of benchmarks/ by name."""
    import importlib

    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def result() -> dict[str, Any]:
    return made_up_result()


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Writes content as JSON under a name."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(copy.deepcopy(content)))
        return path

    return write
