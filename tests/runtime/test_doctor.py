"""The doctor: what it reads, and what it concludes."""

from __future__ import annotations

import sys

import pytest

from amgan.runtime import doctor
from amgan.runtime.doctor import EngineReport
from amgan.runtime.errors import BundleError
from amgan.runtime.machine import Gpu

RTX = Gpu("NVIDIA RTX 4090", "580.1", 24564, 89)
H200 = Gpu("NVIDIA H200", "580.1", 143771, 90)
ALL = {
    "amgan": "0.1.0", "openvino": "2026.1", "torch": "2.13.0", "tensorrt": "11.1", "tensorrt_rtx": "1.7",
    "onnx": "1.23", "cuda-bindings": "13.0",
}  # fmt: skip


def gpu_engine(name: str) -> doctor._GpuEngine:
    return next(e for e in doctor.GPU_ENGINES if e.name == name)


@pytest.fixture
def every_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_module", lambda name: True)


def test_features_of_interest() -> None:
    flags = frozenset({"fpu", "avx2", "avx512f", "avx512_bf16", "amx_tile"})
    assert doctor.features_of_interest(flags) == ("avx2", "avx512", "amx", "bf16")
    assert doctor.features_of_interest(frozenset()) == ()


def test_versions_of_missing_packages_are_none() -> None:
    versions = doctor.read_versions(["numpy", "no-such-package-anywhere"])
    assert versions["numpy"]
    assert versions["no-such-package-anywhere"] is None


def test_openvino_can_run_here() -> None:
    capabilities, error = doctor.openvino_capabilities()
    assert error == ""
    assert "FP32" in capabilities
    report = doctor.judge_openvino(ALL, ["FP32", "BF16"], "")
    assert report == EngineReport("OpenVINO", True, "CPU, bf16")


def test_the_engine_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    good = doctor.judge_openvino(ALL, ["FP32"], "")
    monkeypatch.setattr(doctor, "extension", object)
    monkeypatch.setattr(doctor, "is_best", lambda: True)
    assert doctor.judge_avx2(good, ["FP32"]) == EngineReport("AVX2", True, "CPU, fp32, in place of OpenVINO")
    assert doctor.judge_avx2(good, ["FP32", "BF16"]).device == "CPU, fp32, OpenVINO is used"
    monkeypatch.setattr(doctor, "is_best", lambda: False)
    assert doctor.judge_avx2(good, ["FP32"]).device == "CPU, fp32, OpenVINO is used"
    monkeypatch.setattr(doctor, "extension", lambda: None)
    assert "C compiler" in doctor.judge_avx2(good, ["FP32"]).reasons[0]
    missing = doctor.judge_avx2(doctor.judge_openvino({**ALL, "openvino": None}, (), ""), ())
    assert not missing.usable
    assert missing.fixes[0].startswith("pip install 'openvino")


def test_openvino_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = doctor.judge_openvino({**ALL, "openvino": None}, (), "")
    assert not missing.usable
    assert missing.fixes[0].startswith("pip install 'openvino")
    broken = doctor.judge_openvino(ALL, (), "RuntimeError: no plugin")
    assert "no plugin" in broken.reasons[0]
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert doctor.openvino_capabilities()[0] == ()
    assert "openvino" in doctor.openvino_capabilities()[1]


@pytest.mark.usefixtures("every_module")
def test_gpu_engine_that_has_all_it_needs() -> None:
    report = doctor.judge_gpu_engine(gpu_engine("TensorRT"), ALL, [H200], "")
    assert report == EngineReport("TensorRT", True, "NVIDIA H200")
    assert doctor.judge_gpu_engine(gpu_engine("TensorRT for RTX"), ALL, [H200, RTX], "").device == RTX.name


@pytest.mark.usefixtures("every_module")
def test_gpu_engine_without_gpu_fitting_gpu_or_package() -> None:
    rtx = gpu_engine("TensorRT for RTX")
    assert doctor.judge_gpu_engine(rtx, ALL, [], "no driver").reasons == ("no NVIDIA GPU: no driver",)
    assert "does not support NVIDIA H200 (sm90)" in doctor.judge_gpu_engine(rtx, ALL, [H200], "").reasons[0]
    report = doctor.judge_gpu_engine(rtx, {**ALL, "tensorrt_rtx": None, "cuda-bindings": None}, [RTX], "")
    assert report.reasons == ("not installed: tensorrt_rtx, cuda-bindings",)
    assert report.fixes == ("pip install 'amgan[tensorrt]'",)


@pytest.mark.usefixtures("every_module")
def test_torch_for_the_cpu_only_is_no_gpu_engine() -> None:
    report = doctor.judge_gpu_engine(gpu_engine("PyTorch CUDA"), {**ALL, "torch": "2.13.0+cpu"}, [H200], "")
    assert not report.usable
    assert "CPU only" in report.reasons[0]
    assert report.fixes == ("pip install --force-reinstall 'torch==2.13.0'",)
    versions = {**ALL, "torch": "2.13.0+cpu", "onnx": None}
    report = doctor.judge_gpu_engine(gpu_engine("PyTorch CUDA"), versions, [H200], "")
    assert report.reasons == ("not installed: onnx", "torch 2.13.0+cpu is a build for the CPU only")
    assert len(report.fixes) == 2


def test_engine_that_this_version_lacks() -> None:
    assert doctor.has_module("errors")
    absent = doctor._GpuEngine("Abacus", (), "engine_abacus", "", 0)
    assert "has no Abacus engine yet" in doctor.judge_gpu_engine(absent, ALL, [H200], "").reasons[0]


def test_bundle_missing_or_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    from amgan.runtime.bundle.bundle import Bundle

    def refuse(*args: object) -> None:
        raise BundleError("it is damaged")

    def crash(*args: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(Bundle, "open", refuse)
    assert doctor.check_bundle() == ("it is damaged", False)
    monkeypatch.setattr(Bundle, "open", crash)
    assert doctor.check_bundle() == ("cannot be checked (RuntimeError: boom)", False)


def test_whole_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "read_processor", lambda: ("Some CPU", frozenset({"avx2"})))
    monkeypatch.setattr(doctor, "memory_of_the_machine", lambda: (4 << 30, 1 << 30))
    report = doctor.examine()
    assert report.healthy
    assert (report.cpu.model, report.cpu.features) == ("Some CPU", ("avx2",))
    assert report.cpu.cores >= 1
    assert (report.memory_mib, report.memory_free_mib) == (4096, 1024)
    assert report.versions["openvino"]
    names = {engine.name for engine in report.engines}
    assert names == {"OpenVINO", "AVX2", "TensorRT", "TensorRT for RTX", "PyTorch CUDA"}
    for engine in report.engines:
        assert engine.usable or engine.reasons
