"""Checkpoint to bundle: what the folder holds, and that nothing half done is left."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.exported import Exported
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.export import bundle as bundle_export
from amgan.export.bundle import ExportOptions, export_bundle
from amgan.export.graphs import files as network_files
from amgan.export.graphs.precision import KEPT_FP32
from amgan.export.simplify import PASSES
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import AmganError, UsageError
from amgan.runtime.files import file_sha256

HALO = TINY_MODEL.generator.halo_px


def test_the_bundle_opens_and_says_what_it_holds(exported: Exported) -> None:
    manifest = Bundle.open(exported.bundle).manifest
    assert manifest.model == "tiny-random"
    assert manifest.halo_px == HALO == 28
    assert (manifest.min_frame_px, manifest.max_frame_px, manifest.canonical_px) == (64, 128, 128)
    assert manifest.tile_multiple == 4
    assert (manifest.estimator.frame_px, manifest.estimator.grid) == (64, 4)
    assert manifest.checkpoint_sha256 == file_sha256(exported.checkpoint)
    assert {"amgan", "torch"} <= manifest.created_with.keys()
    assert list(manifest.files) == [
        f"{role}{precision}.onnx"
        for precision in ("", ".fp16", ".bf16")
        for role in ("generator", "estimator")
    ]
    for name, entry in manifest.files.items():
        assert entry.precision == (name.split(".")[1] if name.count(".") == 2 else "fp32")
        assert (entry.format, entry.sha256) == ("onnx", file_sha256(exported.bundle / name))


def test_the_manifest_says_how_it_was_made(exported: Exported) -> None:
    report = Bundle.open(exported.bundle).manifest.export
    assert report is not None
    assert report["options"] == {
        "precisions": ["fp32", "fp16", "bf16"], "targets": [], "flavour": "auto", "plain": False,
    }  # fmt: skip
    assert [line["name"] for line in report["passes"]] == ["plain", *(p.__name__ for p in PASSES)]
    gflop = {line["name"]: line["gflop"] for line in report["passes"]}
    assert gflop["plain"] > gflop["drop_padding"] > 0
    # Grouped pixels trade arithmetic for channels, which shows in a network this small.
    assert gflop["group_pixels"] > gflop["separate_conditioning"] > 0
    assert report["kept_fp32"] == KEPT_FP32
    for name, count in report["graph_nodes"].items():
        assert count == len(onnx.load(exported.bundle / name).graph.node)


def test_the_manifest_holds_the_parity_report(exported: Exported) -> None:
    parity = Bundle.open(exported.bundle).manifest.parity
    assert parity is not None and parity["passed"] is True
    ran = {(r["contender"], r.get("file")) for r in parity["results"] if r["verdict"] == "passed"}
    assert {("OpenVINO", name) for name in Bundle.open(exported.bundle).manifest.files} <= ran
    assert ("PyTorch", None) in ran


def test_progress_tells_passes_and_parity(exported: Exported) -> None:
    told = "\n".join(exported.messages)
    for step in PASSES:
        assert f"\n{step.__name__}: " in f"\n{told}"
    assert "operations, 2.8 -> 2.3 GFLOP" in told
    assert "estimator.onnx: onnxsim: " in told
    assert "generator.fp16.onnx in OpenVINO (fp32, weights fp16): at most" in told


def test_the_manifest_describes_the_files(exported: Exported) -> None:
    manifest = Bundle.open(exported.bundle).manifest
    for role in ("generator", "estimator"):
        graph = onnx.load(exported.bundle / f"{role}.onnx").graph
        spec = getattr(manifest, role)
        for said, there in ((spec.inputs, graph.input), (spec.outputs, graph.output)):
            assert [t.name for t in said] == [t.name for t in there]
            for tensor, value in zip(said, there, strict=True):
                kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                assert kind == np.dtype(tensor.type)
                sizes = [d.dim_value or None for d in value.type.tensor_type.shape.dim]
                assert len(sizes) == len(tensor.shape)
                assert all(s in (None, t) for s, t in zip(sizes, tensor.shape, strict=True))
        assert not graph.value_info or all(v.name for v in graph.value_info)


def test_nothing_else_lies_in_the_bundle(exported: Exported) -> None:
    manifest = Bundle.open(exported.bundle).manifest
    assert {p.name for p in exported.bundle.iterdir()} == {"manifest.json", "amgan.h", *manifest.files}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_is_no_bundle_is_refused(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / "out"
    if kind == "file":
        output.write_text("mine")
        message = "is a file; name a folder"
    else:
        output.mkdir()
        (output / "mine.txt").write_text("mine")
        message = "holds files that are not a bundle"
    with pytest.raises(UsageError, match=message):
        export_bundle(checkpoint, output)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    kept = output if kind == "file" else output / "mine.txt"
    assert kept.read_text() == "mine"


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        export_bundle(tmp_path / "nowhere.safetensors", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_older_bundle_is_replaced(
    quick: None, checkpoint: Path, exported: Exported, tmp_path: Path
) -> None:
    output = tmp_path / "bundle"
    shutil.copytree(exported.bundle, output)
    (output / "stale.txt").write_text("from an older version")
    export_bundle(checkpoint, output, options=ExportOptions(("fp16", "bf16")))
    before, after = (Bundle.open(path).manifest for path in (exported.bundle, output))
    assert replace(after, parity=before.parity) == before  # the same files, byte for byte
    assert not (output / "stale.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_only_fp32_unless_asked(quick: None, checkpoint: Path, tmp_path: Path) -> None:
    manifest = Bundle.open(export_bundle(checkpoint, tmp_path / "b")).manifest
    assert list(manifest.files) == ["generator.onnx", "estimator.onnx"]
    assert manifest.export is not None and "kept_fp32" not in manifest.export


def test_an_empty_folder_and_missing_parents_are_fine(quick: None, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for output in (tmp_path / "empty", tmp_path / "a" / "b"):
        assert Bundle.open(export_bundle(checkpoint, output)).path == output


def test_networks_that_do_not_agree_leave_nothing(
    few_inputs: None, checkpoint: Path, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files hold other weights than the checkpoint."""
    write = network_files.write_simplified

    def write_others(folder: Path, *networks: object) -> object:
        return write(folder, random_generator(seed=7), random_discriminator(seed=7), *networks[2:])  # type: ignore[arg-type]

    monkeypatch.setattr(bundle_export, "write_simplified", write_others)
    old = tmp_path / "old"
    shutil.copytree(exported.bundle, old)
    before = {p.name: p.read_bytes() for p in old.iterdir()}
    with pytest.raises(
        AmganError,
        match=r"differ from PyTorch, OpenVINO, generator: \d+ code values on '.*nothing was written",
    ):
        export_bundle(checkpoint, old)
    assert [p.name for p in tmp_path.iterdir()] == ["old"]
    assert {p.name: p.read_bytes() for p in old.iterdir()} == before
