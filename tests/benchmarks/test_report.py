"""The page, and what README.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.helpers import ROOT
from support.made_up_results import made_up_pipeline, made_up_suites, without_bf16

from amgan.benchmarking import machine

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
    assert "Measured on a busy machine (load 9.0 on 2 CPUs)" in text
    assert "2.0× unverified" in text
    assert "UNVERIFIED" in text
    assert "4.0× as fast as PyTorch eager" in text
    assert "absent: ModuleNotFoundError: onnxruntime" in text
    assert "On one Fake H200" in text
    assert "not run: it is not installed" in text
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "http://" not in re.sub(r'xmlns\S*="[^"]*"|http://www.w3.org\S*', "", text)


@pytest.fixture
def f32_only(result: dict[str, Any], save: Save) -> dict[str, Any]:
    """Results of a CPU without bf16, and on disk."""
    result = without_bf16(result)
    hardware = result["hardware"]
    save("bench_cpu.json", result)
    save("photo_pipeline_cpu.json", made_up_pipeline(hardware, bf16=False))
    save("photo_memory_cpu.json", {"one_photo": {"megapixels": 64.0, "peak_mib": 1000.0}})
    save("suites_cpu.json", made_up_suites(hardware, ["f32"]))
    return result


def test_page_of_a_machine_without_bf16(script: Any, f32_only: dict[str, Any], tmp_path: Path) -> None:
    assert script("report").main(["--results", str(tmp_path), "--picture", str(tmp_path / "a.png")]) == 0
    text = " ".join(read_page(tmp_path / "report.html").split())
    assert "2.0× as fast as PyTorch eager, one whole frame of 512 px, in f32" in text
    assert "2 threads, avx2, fma;" in text
    assert "AMGAN, OpenVINO bf16 absent: this CPU has no bf16" in text
    assert "Simplification, pass by pass" in text
    assert "What brings what" in text
    assert "memory[64] 100 1234 UNVERIFIED" in text
    assert "one_photo_warm 100 100 200 300 2.00 verified" in text
    assert "busy" not in text


def test_claims_of_a_machine_without_bf16(script: Any, f32_only: dict[str, Any], tmp_path: Path) -> None:
    claims = script("readme_claims")
    said = " ".join(claims.block(tmp_path).split())
    assert "On 2 cores (A CPU, avx2, fma) a portrait" in said
    assert "6.7 times the rate of PyTorch eager" in said
    assert "simplified network in f32 2.5; computing the face only 3.2;" in said
    assert "This CPU has no bf16; where there is one, it is used." in said
    assert "Not measured here: ONNX Runtime, plain export; OpenVINO bf16." in said
    assert "busy" not in said


def test_claims_say_when_and_of_which_weights(script: Any) -> None:
    when = script("readme_claims").when
    model = {"checkpoint_sha256": "0123456789abcdef"}
    said = when({"date": "2026-01-02T03:04:05+00:00", "model": model})
    assert said == " Measured on 2026-01-02 with the weights 01234567."
    assert when({"date": "2026-01-02"}) == when({"model": model}) == ""


def test_claims_with_bf16_and_a_busy_machine(script: Any, result: dict[str, Any]) -> None:
    claims = script("readme_claims")
    memory = {"megapixels": 64.0, "peak_mib": 1000.0}
    pipeline = made_up_pipeline(result["hardware"] | {"load_average": [2.5, 1, 1]}, bf16=True)
    said = claims.in_a_folder(pipeline, memory)
    assert "simplified network in f32 2.5; bf16 2.0; computing the face only 1.6;" in said
    assert "has no bf16" not in said
    assert "Measured on a busy machine (load 2.5 on 2 CPUs)." in said


def test_steps_without_bf16_follow_one_another(script: Any, result: dict[str, Any]) -> None:
    steps_of = script("photo_pipeline").steps_of
    for bf16 in (True, False):
        pipeline = made_up_pipeline(result["hardware"], bf16=bf16)
        steps = steps_of(pipeline["median_seconds_per_photo"])
        assert steps[0].startswith("pytorch eager")
        assert steps[1:] == list(pipeline["times_faster_than_the_step_before"])


def test_nothing_of_ours(script: Any, result: dict[str, Any], save: Save, tmp_path: Path) -> None:
    for name in [n for n, one in result["speeds"].items() if "OpenVINO" in n]:
        del result["speeds"][name]
    result["speeds"]["torch.compile"]["parity"]["verified"] = False
    result["speeds"]["AMGAN, a folder"]["parity"]["verified"] = False
    result["hardware"]["features"] = []
    save("bench_cpu.json", result)
    assert script("report").main(["--results", str(tmp_path), "--picture", str(tmp_path / "a.png")]) == 0
    text = " ".join(read_page(tmp_path / "report.html").split())
    assert "no vector instructions known of" in text
    assert "as fast as PyTorch eager" not in text
    said = script("readme_claims").beside_others(result)
    assert "nothing of ours could run; in comparison: torch.compile 1.2 (UNVERIFIED)." in said


def test_busy_files_and_other_machines_are_named(
    script: Any, result: dict[str, Any], save: Save, tmp_path: Path
) -> None:
    save("bench_cpu.json", result)
    hardware = result["hardware"]
    save("suites_cpu.json", made_up_suites(hardware | {"load_average": [3.25, 0, 0]}, ["f32", "bf16"]))
    save("evaluation.json", {"command": "c", "hardware": {"cpu": "Another CPU", "cores": 2}, "bundle": "one"})
    assert script("report").main(["--results", str(tmp_path), "--picture", str(tmp_path / "a.png")]) == 0
    text = " ".join(read_page(tmp_path / "report.html").split())
    assert "The machine was busy when these were measured: suites_cpu.json (load 3.2 on 2 CPUs)." in text
    assert "3.2 (busy)" in text
    assert "Measured on a busy machine" not in text
    assert "Not all files are of the same machine" in text


@pytest.mark.parametrize(
    ("load", "cpus", "words"),
    [(2.0, 2, ""), (2.01, 2, "load 2.0 on 2 CPUs"), (17.0, 64, ""), (0.0, None, ""), (9.0, None, "")],
)
def test_busy_is_more_load_than_cpus(load: float, cpus: int | None, words: str) -> None:
    assert machine.busy({"load_average": [load, 0, 0], "logical_cpus": cpus}) == words
    assert machine.busy({"logical_cpus": cpus}) == ""


def test_this_machine_names_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = frozenset(["fpu", "sse4_2", "avx", "f16c", "fma", "avx2", "bmi2"])
    monkeypatch.setattr(machine, "read_processor", lambda: ("Some CPU", flags))
    found = machine.hardware(2)
    assert (found["cpu"], found["features"]) == ("Some CPU", ["avx2", "fma"])


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


def test_speeds_that_vary_are_not_claimed(script: Any, result: dict[str, Any]) -> None:
    claims = script("readme_claims")
    result["speeds"]["AMGAN, OpenVINO bf16"]["spread"] = 0.22
    said = claims.beside_others(result)
    assert "OpenVINO bf16 not claimed, as it varies by 22% (at most 1 code value apart)" in said
    assert "torch.compile 1.2" in said
    result["noise"] = 0.3
    assert "torch.compile not claimed, as it varies by 30%" in claims.beside_others(result)
