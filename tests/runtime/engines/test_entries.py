"""Engines in a manifest: what is read and written, and every reason to refuse one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.engine_helpers import GPUS, RTX

from amgan.runtime.bundle.bundle import MANIFEST, Bundle
from amgan.runtime.bundle.manifest import SCHEMA, FileEntry, Manifest
from amgan.runtime.engines.find import check_engine, find_engines
from amgan.runtime.errors import BundleError, EngineError

ENGINE = "generator.engine"


@pytest.fixture
def entry(folder: Path) -> FileEntry:
    return Bundle.open(folder).manifest.files[ENGINE]


def one_reason(text: str | None) -> str:
    assert text
    assert "\n" not in text
    assert "amgan export --flavour" in text or "choose" in text
    return text


def test_engine_and_parity_survive_a_round_trip(folder: Path) -> None:
    manifest = Bundle.open(folder).manifest
    build = manifest.files[ENGINE].build
    assert build is not None
    assert (build.flavour, build.version, build.targets) == (*RTX, GPUS)
    assert build.profile.batch == (1, 4, 8)
    assert build.profile.size_px == (368, 368)
    assert build.half_share == 0.998
    assert manifest.parity == {"generator": {"max_codes": 1, "mean_codes": 0.0123}, "judged_by": "OpenVINO"}
    assert Manifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_a_bundle_without_engines_says_nothing_of_them(tiny_bundle: Path) -> None:
    text = (tiny_bundle / MANIFEST).read_text()
    assert "build" not in text
    assert "parity" not in text
    assert Bundle.open(tiny_bundle).manifest.parity is None


@pytest.mark.parametrize("compute", [86, 89, 120])
def test_fitting_engine_is_accepted(entry: FileEntry, compute: int) -> None:
    assert check_engine(entry, *RTX, compute) is None


def test_engine_of_another_version(entry: FileEntry) -> None:
    text = one_reason(check_engine(entry, "tensorrt_rtx", "1.8.0.1", 86))
    assert "built by TensorRT for RTX 1.7.1.116" in text
    assert "1.8.0.1" in text


def test_engine_of_another_flavour(entry: FileEntry) -> None:
    text = one_reason(check_engine(entry, "tensorrt", "1.7.1.116", 86))
    assert "built by TensorRT for RTX" in text
    assert "this machine has TensorRT 1.7" in text


def test_engine_for_another_gpu(entry: FileEntry) -> None:
    text = one_reason(check_engine(entry, *RTX, 75))
    assert "sm86, sm89, sm120" in text
    assert "this one is sm75" in text
    assert "--targets sm75" in text


def test_what_is_no_engine(folder: Path) -> None:
    entry = Bundle.open(folder).manifest.files["generator.onnx"]
    assert "format 'onnx'" in one_reason(check_engine(entry, *RTX, 86))


def test_find_engines(folder: Path) -> None:
    bundle = Bundle.open(folder)
    path, entry = find_engines(bundle, "generator", *RTX, 89)[0]
    assert path == folder / ENGINE
    assert entry.precision == "fp16"
    assert find_engines(bundle, "generator", *RTX, 89, precision="fp16")[0][0] == path


def test_find_engines_says_why_there_is_none(folder: Path) -> None:
    bundle = Bundle.open(folder)
    with pytest.raises(EngineError, match=r"'generator\.engine' cannot be used, .*sm90"):
        find_engines(bundle, "generator", *RTX, 90)
    with pytest.raises(EngineError, match="no TensorRT engine of its estimator: build one with"):
        find_engines(bundle, "estimator", *RTX, 86)
    with pytest.raises(EngineError, match="its bf16 generator"):
        find_engines(bundle, "generator", *RTX, 86, precision="bf16")


def test_damaged_engine_is_refused(folder: Path) -> None:
    (folder / ENGINE).write_bytes(b"another plan")
    with pytest.raises(BundleError, match=r"generator\.engine' is damaged or was replaced"):
        Bundle.open(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"flavour": "tensorrt_lite"}, "build.flavour is 'tensorrt_lite', not one of tensorrt, tensorrt_rtx"),
        ({"targets": []}, "build.targets is []"),
        ({"targets": ["86"]}, "build.targets is ['86']"),
        ({"version": 11}, "build.version is 11"),
        ({"onnx_sha256": None}, "build.onnx_sha256 is None"),
        ({"half_share": "all"}, "build.half_share is 'all'"),
        ({"profile": {"batch": [4, 1, 8], "inputs": {"image": [8, 8, 3]}}}, "profile.batch is (4, 1, 8)"),
        ({"profile": {"batch": [1, 2], "inputs": {"image": [8, 8, 3]}}}, "not 3 whole numbers"),
        ({"profile": {"batch": [1, 2, 3], "inputs": {"image": [8.5, 8, 3]}}}, "inputs.image is [8.5, 8, 3]"),
        ({"profile": {"batch": [1, 2, 3], "inputs": {"image": []}}}, "inputs.image is []"),
        ({"profile": {"batch": [1, 2, 3], "inputs": {}}}, "inputs.image is missing"),
        ({"profile": 3}, "build.profile is 3"),
    ],
)
def test_wrong_build(folder: Path, change: dict, named: str) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    content["files"][ENGINE]["build"].update(change)
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    assert named in str(caught.value)
    assert "export the bundle again" in str(caught.value)


def test_engine_without_its_build(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    del content["files"][ENGINE]["build"]
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError, match=r"files\.generator\.engine\.build is missing"):
        Bundle.open(folder)


def test_parity_must_be_an_object(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text()) | {"parity": "good"}
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError, match="parity is 'good', not dict"):
        Bundle.open(folder)


def test_newer_schema_is_refused_before_the_engines(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text()) | {"schema": SCHEMA + 1}
    content["files"][ENGINE]["build"] = "of a later kind"
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError, match=f"schema {SCHEMA + 1}, newer"):
        Bundle.open(folder)


def test_an_entry_that_lost_its_build_is_no_engine(entry: FileEntry) -> None:
    assert check_engine(replace(entry, build=None), *RTX, 86)
