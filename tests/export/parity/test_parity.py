"""The measures, the inputs, the contenders, and what is judged too far apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import pytest
import torch
from support.engine_helpers import RTX, engine_content
from support.exported import Exported
from support.helpers import ROOT
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.export.cases import REAL_FRAME_PX, REAL_MARGIN_PX, estimator_cases, generator_cases, real_tile
from amgan.export.graphs.precision import KEPT_FP32
from amgan.export.parity import comparison, on_gpu
from amgan.export.parity import contenders as parity_contenders
from amgan.export.parity.comparison import Reference, compare, require
from amgan.export.parity.difference import IDENTICAL_DB, code_difference, psnr_db, ssim
from amgan.export.parity.report import TOLERANCES, CodeDifference, ParityReport, Result, YearDifference
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.errors import AmganError
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine

HALO = TINY_MODEL.generator.halo_px
PERFECT = CodeDifference(0, 0.0, IDENTICAL_DB, 1.0, "noise")


@pytest.fixture(scope="module")
def reference(exported: Exported) -> Reference:
    return Reference.of(exported.generator, exported.discriminator, TINY_MODEL.estimator_frame_px)


def only(exported: Exported, *names: str) -> dict[str, FileEntry]:
    return {name: Bundle.open(exported.bundle).manifest.files[name] for name in names}


# ---- measures


def test_psnr_by_hand() -> None:
    black = np.zeros((1, 8, 8, 3), np.uint8)
    assert psnr_db(black, black) == IDENTICAL_DB
    assert psnr_db(black, black + 255) == pytest.approx(0.0)
    assert psnr_db(black, black + 1) == pytest.approx(48.13, abs=0.01)
    assert code_difference(black, black + 255).max() == 255
    assert code_difference(black + 255, black).min() == 255


def slow_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """The definition, window by window."""
    values = []
    for top in range(x.shape[1] - 7):
        for left in range(x.shape[2] - 7):
            a, b = (p[0, top : top + 8, left : left + 8, 0].astype(np.float64) for p in (x, y))
            covariance = ((a - a.mean()) * (b - b.mean())).mean()
            light = (2 * a.mean() * b.mean() + 6.5025) / (a.mean() ** 2 + b.mean() ** 2 + 6.5025)
            values.append(light * (2 * covariance + 58.5225) / (a.var() + b.var() + 58.5225))
    return float(np.mean(values))


def test_ssim_is_the_definition() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1, 12, 17, 1), dtype=np.uint8)
    y = np.clip(x.astype(int) + rng.integers(-40, 40, x.shape), 0, 255).astype(np.uint8)
    assert ssim(x, y) == pytest.approx(slow_ssim(x, y), abs=1e-9)
    assert ssim(x, x) == pytest.approx(1.0)
    assert ssim(x, 255 - x) < 0


def test_ssim_is_a_mean_over_pictures_and_channels() -> None:
    x, y = np.random.default_rng(1).integers(0, 256, (2, 2, 9, 9, 3), dtype=np.uint8)
    each = [
        ssim(x[n : n + 1, ..., c : c + 1], y[n : n + 1, ..., c : c + 1]) for n in range(2) for c in range(3)
    ]
    assert ssim(x, y) == pytest.approx(np.mean(each))


# ---- inputs


def test_the_face_is_that_of_the_sample(collins: np.ndarray) -> None:
    """Made by the project's own face finder: frame and halo at a frame of 256 px."""
    face = FaceFinder(threads=1).find(collins)[0]
    matrix = face.frame.to_photo(REAL_FRAME_PX)
    matrix[:, 2] -= matrix[:, :2] @ (REAL_MARGIN_PX, REAL_MARGIN_PX)
    side = REAL_FRAME_PX + 2 * REAL_MARGIN_PX
    made = sample_affine(collins, matrix, (side, side))
    assert real_tile().shape == made.shape == (368, 368, 3)
    # The tile stays as it is, so that parity can be compared over time, while landmarks may move a little.
    moved, response = cv2.phaseCorrelate(real_tile().mean(axis=2), made.mean(axis=2))
    assert np.hypot(*moved) < 2 and response > 0.2
    elsewhere = cv2.phaseCorrelate(np.roll(real_tile(), 9, axis=1).mean(axis=2), made.mean(axis=2))[0]
    assert np.hypot(*elsewhere) > 5


@pytest.mark.parametrize("halo", [16, HALO, 56])
def test_inputs_keep_the_contract(halo: int) -> None:
    cases = generator_cases(0, halo)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        image, years, places, pattern = case.arrays
        TileBatch(image, years, places, pattern).check()
        assert years.min() >= -75 and years.max() <= 75  # from 15 to 90 years old
        assert all(a.flags["C_CONTIGUOUS"] and a.flags["WRITEABLE"] for a in case.arrays)
        assert (np.diff(places[:, 0], axis=2) > 0).all() and (np.diff(places[:, 1], axis=1) > 0).all()
        assert places[:, 2].min() >= 0 and places[:, 2].max() <= 1
        assert (places[:, 3] == places[:, 3, :1, :1]).all() and np.abs(places[:, 3]).max() <= 1
        assert (pattern >= 0).all() and (np.abs(pattern.sum(axis=1) - 1.25) <= 0.76).all()


def test_inputs_stay_within_the_ages_that_were_trained() -> None:
    cases, wide = generator_cases(0, HALO, 70.0), generator_cases(0, HALO)
    for some, most in ((cases, 70 - 15), (wide, 90 - 15)):
        assert max(case.arrays[1].max() for case in some) == most
        assert min(case.arrays[1].min() for case in some) == -most
    assert any("55 years" in case.name for case in cases) and not any("75" in case.name for case in cases)
    for case, other in zip(cases, wide, strict=True):
        assert np.array_equal(case.arrays[0], other.arrays[0]) and np.array_equal(
            case.arrays[2], other.arrays[2]
        )


@pytest.mark.parametrize("oldest", [70.0, 90.0, 120.0])
def test_networks_are_compared_up_to_their_oldest_age(
    exported: Exported, oldest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "DeployGenerator", lambda generator: lambda image, *_: image)
    reference = Reference.of(
        exported.generator, exported.discriminator, TINY_MODEL.estimator_frame_px, oldest_age=oldest
    )
    asked = max(case.arrays[1].max() for case, _ in reference.answers["generator"])
    assert asked == min(oldest, 90.0) - 15


@pytest.mark.parametrize("frame", [64, 256])
def test_frames_keep_the_contract(frame: int) -> None:
    for case in estimator_cases(0, frame):
        (image,) = case.arrays
        assert image.dtype == np.uint8 and image.shape[1:] == (frame, frame, 3)
        assert image.flags["C_CONTIGUOUS"]


def test_inputs_follow_the_seed() -> None:
    one, same, other = (generator_cases(seed, HALO)[0].arrays for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_all_kinds_of_inputs_are_there() -> None:
    names = " ".join(case.name for case in generator_cases(0, HALO))
    for word in ("noise", "black", "white", "stripes", "75 years younger and older", "face", "corner"):
        assert word in names


# ---- contenders


def test_every_file_is_run(exported: Exported) -> None:
    """By the export itself, whose report the manifest keeps."""
    manifest = Bundle.open(exported.bundle).manifest
    report = manifest.parity
    assert report is not None and report["passed"] is True
    results = report["results"]
    assert {r.get("file", "") for r in results if r["verdict"] == "passed"} == {*manifest.files, ""}
    told = [line.partition(" in OpenVINO (") for line in exported.messages]
    assert {name for name, found, _ in told if found} == {*manifest.files}
    by_name = {(r["contender"], r["role"], r["precision"], r.get("file", "")): r for r in results}
    for precision in ("fp16", "bf16"):
        widened = by_name["OpenVINO", "generator", precision, f"generator.{precision}.onnx"]
        assert widened["arithmetic"] == f"fp32, weights {precision}"
        assert by_name["PyTorch", "generator", precision, ""]["arithmetic"] == precision
        assert by_name["PyTorch", "estimator", precision, ""]["verdict"] == "passed"
    missing = by_name["ONNX Runtime", "generator", "bf16", "generator.bf16.onnx"]
    assert missing["verdict"] == "not run"
    assert "no such operator for CPUs" in missing["not_run"]
    apart = [
        r["difference"] for r in results
        if r["role"] == "generator" and r["precision"] == "fp32" and r.get("difference")
    ]  # fmt: skip
    assert len(apart) >= 2
    assert all(one["max_codes"] <= 1 and one["mean_codes"] < 0.001 for one in apart)


def test_without_onnx_runtime(
    exported: Exported, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity_contenders.importlib.util, "find_spec", lambda name: None)
    report = compare(reference, exported.bundle, only(exported, "estimator.onnx"))
    assert [(r.contender, r.verdict, r.not_run) for r in report.results] == [
        ("OpenVINO", "passed", ""),
        ("ONNX Runtime", "not run", "onnxruntime is not installed"),
    ]


@pytest.mark.parametrize(
    ("here", "reason"),
    [
        (None, "there is no NVIDIA GPU in this machine"),
        (
            "sm75",
            "it was built for GPUs of sm86, sm89, sm120, and this one is sm75: "
            "build it again with `amgan export --flavour tensorrt_rtx --targets sm75`",
        ),
    ],
)
def test_engines_are_never_passed_over_in_silence(
    exported: Exported,
    reference: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    here: str | None,
    reason: str,
) -> None:
    from support.helpers import tiny_manifest, write_tiny_bundle

    from amgan.runtime.bundle.manifest import Manifest

    monkeypatch.setattr(on_gpu, "current_target", lambda: here)
    monkeypatch.setattr(on_gpu, "load_cuda", lambda: None)
    monkeypatch.setattr(on_gpu, "load_tensorrt", lambda _: SimpleNamespace(__version__=RTX[1]))
    write_tiny_bundle(tmp_path / "b")
    (tmp_path / "b" / "generator.engine").write_bytes(b"plan")
    content = tiny_manifest(tmp_path / "b")
    content["files"] = {"generator.engine": engine_content(tmp_path / "b" / "generator.engine")}
    report = compare(reference, tmp_path / "b", Manifest.from_dict(content).files)
    assert [(r.contender, r.file, r.verdict, r.not_run) for r in report.results] == [
        ("TensorRT for RTX", "generator.engine", "not run", reason)
    ]


@pytest.mark.parametrize("engine", ["OpenVINO", "ONNX Runtime"])
@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_file_that_does_not_load_fails(
    exported: Exported, reference: Reference, tmp_path: Path, engine: str, content: bytes
) -> None:
    files = only(exported, "estimator.onnx")
    (tmp_path / "estimator.onnx").write_bytes(content)
    report = compare(reference, tmp_path, files)
    result = next(r for r in report.results if r.contender == engine)
    assert result.verdict == "failed"
    assert engine in result.faults[0]
    with pytest.raises(AmganError, match=r"differ from PyTorch, .*nothing was written"):
        require(report)


def test_a_wrong_shape_fails(exported: Exported, reference: Reference, tmp_path: Path) -> None:
    model = onnx.load(exported.bundle / "estimator.onnx")
    model.graph.node.append(onnx.helper.make_node("Flatten", ["ages"], ["flat"]))
    model.graph.output[0].name = "flat"
    del model.graph.output[0].type.tensor_type.shape.dim[2:]
    onnx.save(model, tmp_path / "estimator.onnx")
    report = compare(reference, tmp_path, only(exported, "estimator.onnx"))
    assert {r.verdict for r in report.results} == {"failed"}
    assert (
        "it gives float32 (3, 16) for 'noise and face', and PyTorch float32 (3, 1, 4, 4)"
        in report.first_fault
    )


def test_ages_that_are_no_numbers_are_counted(reference: Reference) -> None:
    poisoned = random_discriminator()
    with torch.no_grad():
        poisoned.age.bias.fill_(float("nan"))
    bad = Reference.of(random_generator(), poisoned, TINY_MODEL.estimator_frame_px)
    from amgan.export.parity.comparison import _years

    answers = iter(answer for _, answer in bad.answers["estimator"])
    found = _years(lambda arrays: next(answers), reference.answers["estimator"])
    assert found.nan_count == sum(a.size for _, a in bad.answers["estimator"])
    assert "ages that are not numbers" in found.faults(TOLERANCES["bf16"])[0]


# ---- judgement


@pytest.mark.parametrize(
    ("precision", "difference", "named"),
    [
        ("fp32", replace(PERFECT, max_codes=2), "2 code values on 'noise' (at most 1 allowed)"),
        ("fp16", replace(PERFECT, max_codes=4), "4 code values on 'noise' (at most 3 allowed)"),
        ("fp16", replace(PERFECT, psnr_db=49.9), "a PSNR of 49.9 dB (at least 50 dB needed)"),
        ("fp32", replace(PERFECT, ssim=0.9), "an SSIM of 0.90000 (at least 0.9999 needed)"),
        ("bf16", replace(PERFECT, psnr_db=float("nan")), "a PSNR of nan dB"),
        ("fp32", YearDifference(0.02, 0.0, 0, "white"), "0.02 years on 'white' (at most 0.01 allowed)"),
        ("fp32", YearDifference(float("nan"), 0.0, 0, "white"), "nan years"),
        ("bf16", YearDifference(0.0, 0.0, 3, "black"), "3 ages that are not numbers on 'black'"),
    ],
)
def test_too_far_apart(precision: str, difference: CodeDifference | YearDifference, named: str) -> None:
    (fault,) = difference.faults(TOLERANCES[precision])
    assert named in fault
    report = ParityReport(
        0, {}, (Result("X", "generator", precision, "f", "y", difference, faults=(fault,)),)
    )
    assert not report.passed
    with pytest.raises(AmganError, match="nothing was written"):
        require(report)


@pytest.mark.parametrize("precision", TOLERANCES)
def test_close_enough(precision: str) -> None:
    t = TOLERANCES[precision]
    assert CodeDifference(t.max_codes, 0.1, t.min_psnr_db, t.min_ssim, "x").faults(t) == ()
    assert YearDifference(t.max_years, 0.0, 0, "x").faults(t) == ()
    assert t.reason


def test_tolerances_widen_with_the_rounding() -> None:
    fp32, fp16, bf16 = (TOLERANCES[p] for p in ("fp32", "fp16", "bf16"))
    assert (fp32.max_codes, fp16.max_codes, fp16.min_psnr_db) == (1, 3, 50.0)
    assert fp16.max_codes < bf16.max_codes and fp16.min_psnr_db > bf16.min_psnr_db


def test_report_as_json(exported: Exported, reference: Reference) -> None:
    few = replace(reference, answers={role: answers[:2] for role, answers in reference.answers.items()})
    report = compare(few, exported.bundle, only(exported, "generator.onnx", "estimator.onnx"))
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["passed"] is True
    assert content["reference"] == "PyTorch fp32"
    assert set(content["tolerances"]) == {"fp32", "fp16", "bf16"}
    assert set(content["inputs"]) == {"generator", "estimator"}
    first = content["results"][0]
    assert (first["contender"], first["role"], first["verdict"]) == ("OpenVINO", "generator", "passed")
    assert first["difference"]["max_codes"] <= 1
    assert "faults" not in first and "not_run" not in first


def test_the_tables_of_the_documentation() -> None:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    for name, t in TOLERANCES.items():
        row = f"| {name} | {t.max_codes} | {t.min_psnr_db:g} dB | {t.min_ssim:g} | {t.max_years:g} |"
        assert row in text
    for reason in KEPT_FP32.values():
        assert f"| {reason} |" in text
