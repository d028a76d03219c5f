"""Options of an export: precisions, engines, the plain graph."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.exported import Exported, skip_comparison

from amgan.export import bundle as bundle_export
from amgan.export.bundle import ExportOptions, export_bundle
from amgan.export.graphs import files as network_files
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.cuda.program import CORES
from amgan.runtime.errors import EngineError, UsageError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ExportOptions(("int8",)), "no precision 'int8'"),
        (ExportOptions(force=True), "name their targets"),
        (ExportOptions(flavour="tensorrt"), "name their targets"),
        (ExportOptions(("fp16",), plain=True), "the plain graph is written in fp32 only"),
        (ExportOptions(targets=("sm86",), plain=True), "the plain graph is written in fp32 only"),
    ],
)
def test_options_that_make_no_sense(
    checkpoint: Path, tmp_path: Path, options: ExportOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export_bundle(checkpoint, tmp_path / "b", options=options)
    assert not list(tmp_path.iterdir())


def test_targets_bring_the_half_files(
    quick: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def add(folder: Path, manifest: Any, *rest: Any, previous: Path | None) -> Any:
        asked.append((sorted(manifest.files), *rest[:3], previous))
        return manifest

    monkeypatch.setattr(bundle_export, "add_engines", add)
    options = ExportOptions(targets=("sm86",), flavour="tensorrt_rtx", force=True)
    export_bundle(checkpoint, tmp_path / "b", options=options)
    export_bundle(checkpoint, tmp_path / "b", options=replace(options, force=False))
    files = ["estimator.fp16.onnx", "estimator.onnx", "generator.fp16.onnx", "generator.onnx"]
    assert [a[:3] for a in asked] == [(files, ("sm86",), "tensorrt_rtx")] * 2
    assert [(a[3].precision, a[3].force) for a in asked] == [("fp16", True), ("fp16", False)]
    assert [a[4] for a in asked] == [None, tmp_path / "b"]


def test_engines_are_built_kept_and_reported(
    few_inputs: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real TensorRT for RTX, without a GPU."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setattr("amgan.export.parity.on_gpu.current_target", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = ExportOptions(targets=("sm86", "sm89", "sm120"), flavour="tensorrt_rtx")
    said: list[str] = []
    manifest = Bundle.open(export_bundle(checkpoint, tmp_path / "b", said.append, options)).manifest
    width, height = (min(px, manifest.max_frame_px) for px in CORES[0])
    engine = f"generator.fp16.{width}x{height}px.tensorrt_rtx.engine"
    assert manifest.files[engine].build is not None
    assert manifest.files[engine].build.half_share > 0.95
    assert f"{engine}: building, there is none yet" in said
    assert manifest.parity is not None
    found = {r.get("file"): r for r in manifest.parity["results"]}
    assert found[engine]["verdict"] == "not run"
    assert found[engine]["not_run"] == "there is no NVIDIA GPU in this machine"
    skip_comparison(monkeypatch)
    export_bundle(checkpoint, tmp_path / "b", said.append, options)
    assert any(line.startswith(f"{engine}: kept") for line in said)


def test_an_engine_that_cannot_be_built_leaves_nothing(
    quick: None, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EngineError("no memory")

    monkeypatch.setattr(bundle_export, "add_engines", fail)
    with pytest.raises(EngineError, match="no memory"):
        export_bundle(checkpoint, tmp_path / "b", options=ExportOptions(targets=("sm86",)))
    assert not list(tmp_path.iterdir())


def test_the_plain_graph(
    quick: None, checkpoint: Path, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tracer itself takes long and has its own place in benchmarks/simplified_vs_plain.py."""

    def trace(role: str) -> Any:
        return lambda *arguments: shutil.copy(exported.bundle / f"{role}.onnx", arguments[-1])

    for role in ("generator", "estimator"):
        monkeypatch.setattr(network_files, f"{role}_to_onnx", trace(role))
    output = export_bundle(checkpoint, tmp_path / "b", options=ExportOptions(plain=True))
    report = Bundle.open(output).manifest.export
    assert report is not None
    assert report["options"]["plain"] is True
    assert [line["name"] for line in report["passes"]] == ["plain"]
