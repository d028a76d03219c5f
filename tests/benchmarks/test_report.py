"""The page, and what README.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

RESULTS = ROOT / "benchmarks" / "results"
Save = Callable[[str, Any], Path]


class Texts(HTMLParser):
    """Checks that tags are closed in order, and collects the text outside of style."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


def read_page(path: Path) -> str:
    parser = Texts()
    parser.feed(path.read_text(encoding="utf-8"))
    assert parser.open == []
    return parser.text


def gpu_check() -> dict[str, Any]:
    """What gpu_check.py writes, in short."""
    return {
        "what": "AMGAN on one Fake",
        "command": "python benchmarks/gpu_check.py",
        "hardware": {"gpu": "Fake H200", "driver": "1.2", "load_average": [0, 0, 0]},
        "pytorch_whole_frames": {"eager f32": {"frames_per_second": 50.0}, "eager f16": {"not_run": "no"}},
        "engines": {
            "tensorrt": {
                "parity": [{"verdict": "passed"}],
                "engine_only": {
                    "graphs": {"frames_per_second": 400.0, "engine": "TensorRT", "precision": "f16"}
                },
                "end_to_end": {"photos_per_second": 90.0},
            },
            "tensorrt_rtx": {"not_run": "it is not installed"},
        },
        "summary": {
            "tensorrt": {
                "times_faster_than_eager_f32": 8.0,
                "end_to_end_against_engine_only": 0.2,
                "share_of_matmul_rate": None,
            }
        },
    }


def test_page_of_made_up_results(script: Any, save: Save, result: dict[str, Any], tmp_path: Path) -> None:
    result["speeds"]["AMGAN, OpenVINO f32"]["parity"]["verified"] = False
    result["hardware"]["load_average"] = [9.0, 9.0, 9.0]
    save("bench_cpu.json", result)
    save("gpu_check_fake.json", gpu_check())
    assert script("report").main(["--results", str(tmp_path), "--picture", str(tmp_path / "a.png")]) == 0
    text = " ".join(read_page(tmp_path / "report.html").split())
    assert "Measured on a busy machine (load 9 on 2 CPUs)" in text
    assert "2.0× unverified" in text
    assert "UNVERIFIED" in text
    assert "4.0× as fast as PyTorch eager" in text
    assert "absent: ModuleNotFoundError: onnxruntime" in text
    assert "On one Fake H200" in text
    assert "not run: it is not installed" in text
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "http://" not in re.sub(r'xmlns\S*="[^"]*"|http://www.w3.org\S*', "", text)


def test_page_of_the_committed_results(script: Any, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    arguments = ["--results", str(RESULTS), "-o", str(target), "--picture", str(tmp_path / "a.png")]
    assert script("report").main(arguments) == 0
    said = read_page(target)
    for path in ("bench_cpu.json", "photo_sizes_cpu.json", "suites_cpu.json", "slowed_on_purpose_cpu.json"):
        assert path in said
    assert "Would a regression be noticed?" in said


def test_no_page_without_a_result(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("report").main(["--results", str(tmp_path)]) == 1
    assert "has no bench_cpu.json: run `amgan bench` first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_readme_says_what_the_results_say(script: Any) -> None:
    assert script("readme_claims").main(["--check"]) == 0


def test_readme_that_disagrees(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims = script("readme_claims")
    readme = tmp_path / "README.md"
    readme.write_text(f"# Before\n\n{claims.BEGIN}\n1000 times as fast\n{claims.END}\n\nAfter\n")
    assert claims.main(["--check", "--readme", str(readme)]) == 1
    assert "says something else than the results" in capsys.readouterr().err
    assert claims.main(["--write", "--readme", str(readme)]) == 0
    assert claims.main(["--check", "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\nAfter\n")
    seconds = json.loads((RESULTS / "photo_pipeline_cpu.json").read_text())["median_seconds_per_photo"]
    assert f"{seconds['batch runner, JPEG to JPEG']:.2f} s, JPEG to JPEG" in text.replace("\n", " ")
    readme.write_text("nothing")
    assert claims.main(["--check", "--readme", str(readme)]) == 1
    assert "must have one block" in capsys.readouterr().err


def test_unverified_speeds_are_named_so(script: Any, result: dict[str, Any]) -> None:
    claims = script("readme_claims")
    assert "OpenVINO bf16 4.0 (at most 1 code value apart)" in claims.beside_others(result)
    result["speeds"]["AMGAN, OpenVINO bf16"]["parity"]["verified"] = False
    assert "OpenVINO bf16 4.0 (UNVERIFIED, at most 1 code value apart)" in claims.beside_others(result)
