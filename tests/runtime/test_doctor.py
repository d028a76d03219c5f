"""The doctor: what it reads, and what it concludes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from amgan.runtime import doctor
from amgan.runtime.doctor import EngineReport, Gpu
from amgan.runtime.errors import BundleError

CPUINFO = """processor\t: 0
model name\t: Some CPU 9000
flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
RTX = Gpu("NVIDIA RTX 4090", "580.1", 24564, 89)
H200 = Gpu("NVIDIA H200", "580.1", 143771, 90)
ALL = {
    "amgan": "0.1.0", "openvino": "2026.1", "torch": "2.13.0", "tensorrt": "11.1", "tensorrt_rtx": "1.7",
    "onnx": "1.23", "cuda-bindings": "13.0",
}  # fmt: skip


def program(folder: Path, text: str) -> str:
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return str(script)


def gpu_engine(name: str) -> doctor._GpuEngine:
    return next(e for e in doctor.GPU_ENGINES if e.name == name)


@pytest.fixture
def every_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_module", lambda name: True)


def test_cpuinfo() -> None:
    assert doctor.parse_cpuinfo(CPUINFO) == ("Some CPU 9000", ("avx2", "avx512", "amx", "bf16"))
    assert doctor.parse_cpuinfo("") == ("", ())


def test_meminfo() -> None:
    assert doctor.parse_meminfo("MemTotal:  2097152 kB\nMemAvailable: 1048576 kB\n") == (2048, 1024)
    assert doctor.parse_meminfo("MemTotal: much\nMemAvailable:\n") == (0, 0)


def test_versions_of_missing_packages_are_none() -> None:
    versions = doctor.read_versions(["numpy", "no-such-package-anywhere"])
    assert versions["numpy"]
    assert versions["no-such-package-anywhere"] is None


def test_gpus_are_read(tmp_path: Path) -> None:
    said = "echo 'NVIDIA H200, 580.1, 143771, 9.0'; echo 'Odd, name, 580.1, [N/A], [N/A]'; echo nonsense"
    gpus, note = doctor.find_gpus(program(tmp_path, said))
    assert gpus == (H200, Gpu("Odd, name", "580.1", 0, 0))
    assert note == ""


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'driver is broken' >&2; exit 9", "nvidia-smi failed: driver is broken"),
        ("exit 9", "nvidia-smi failed: exit code 9"),
        ("exit 0", "nvidia-smi lists no GPU"),
        ("exec sleep 20", "nvidia-smi did not answer within 0.5 s"),
    ],
)
def test_gpu_trouble_is_a_note(tmp_path: Path, script: str, says: str) -> None:
    assert doctor.find_gpus(program(tmp_path, script), timeout_s=0.5) == ((), says)


def test_gpu_program_that_is_missing_or_not_a_program(tmp_path: Path) -> None:
    assert "was not found" in doctor.find_gpus(str(tmp_path / "none"))[1]
    (tmp_path / "plain").write_text("text")
    assert "cannot be run" in doctor.find_gpus(str(tmp_path / "plain"))[1]


def test_openvino_can_run_here() -> None:
    capabilities, error = doctor.openvino_capabilities()
    assert error == ""
    assert "FP32" in capabilities
    report = doctor.judge_openvino(ALL, ["FP32", "BF16"], "")
    assert report == EngineReport("OpenVINO", True, "CPU, bf16")


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


def test_whole_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "CPUINFO", tmp_path / "no cpuinfo here")
    monkeypatch.setattr(doctor, "MEMINFO", tmp_path / "no meminfo here")
    report = doctor.examine()
    assert report.healthy
    assert report.cpu.model
    assert report.cpu.cores >= 1
    assert report.cpu.features == ()
    assert report.memory_mib == 0
    assert report.versions["openvino"]
    assert {e.name for e in report.engines} == {"OpenVINO", "TensorRT", "TensorRT for RTX", "PyTorch CUDA"}
    for engine in report.engines:
        assert engine.usable or engine.reasons


def test_cores_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert doctor.count_cores() >= 1
