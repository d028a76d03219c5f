"""Checkpoint to bundle, and the bundle against PyTorch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from amgan.export import bundle_export, network_files
from amgan.export.bundle_export import ExportOptions, export_bundle
from amgan.export.deploy import DeployEstimator, DeployGenerator
from amgan.export.parity_report import ParityReport
from amgan.export.precision import KEPT_FP32
from amgan.export.simplify import PASSES
from amgan.runtime.bundle import Bundle, file_sha256
from amgan.runtime.engine import TileBatch
from amgan.runtime.engine_openvino import OpenVinoEngine
from amgan.runtime.errors import AmganError, EngineError, UsageError
from amgan.runtime.estimate import Estimator
from amgan.runtime.tiles import Tile, plan_tiles, stitch
from exported import Exported
from tiny_networks import TINY_MODEL, random_discriminator, random_generator

HALO = TINY_MODEL.generator.halo_px
FRAME = 192


@pytest.fixture(scope="session")
def engine(exported: Exported) -> OpenVinoEngine:
    return OpenVinoEngine(Bundle.open(exported.bundle), "f32")


def run(engine: OpenVinoEngine, *arrays: np.ndarray) -> np.ndarray:
    return engine.wait(engine.submit(TileBatch(*arrays)))


def reference(exported: Exported, *arrays: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return DeployGenerator(exported.generator)(*map(torch.from_numpy, arrays)).numpy()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    assert a.shape == b.shape
    return np.abs(a.astype(np.int16) - b)


# ---- the folder


def test_the_bundle_opens_and_says_what_it_holds(exported: Exported) -> None:
    manifest = Bundle.open(exported.bundle).manifest
    assert manifest.model == "tiny-random"
    assert manifest.halo_px == HALO == 24
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
    assert report["passes"][0]["gflop"] > report["passes"][-1]["gflop"] > 0
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
    assert "operations, 2.9 -> 2.3 GFLOP" in told
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
    assert {p.name for p in exported.bundle.iterdir()} == {"manifest.json", *manifest.files}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_is_no_bundle_is_refused(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / "out"
    if kind == "file":
        output.write_text("mine")
        message = "is a file; name a folder"
    else:
        output.mkdir()
        (output / "mine.txt").write_text("mine")
        message = "holds something that is no bundle"
    with pytest.raises(UsageError, match=message):
        export_bundle(checkpoint, output)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    kept = output if kind == "file" else output / "mine.txt"
    assert kept.read_text() == "mine"


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        export_bundle(tmp_path / "nowhere.safetensors", tmp_path / "out")
    assert not list(tmp_path.iterdir())


PASSED = ParityReport(0, {}, ())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports without a comparison, which takes the most time."""
    monkeypatch.setattr(bundle_export, "compare", lambda *a: PASSED)


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
    checkpoint: Path, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files hold other weights than the checkpoint."""
    write = network_files.write_simplified

    def write_others(folder: Path, *networks: object) -> object:
        return write(folder, random_generator(seed=7), random_discriminator(seed=7), *networks[2:])  # type: ignore[arg-type]

    monkeypatch.setattr(bundle_export, "write_simplified", write_others)
    old = tmp_path / "old"
    shutil.copytree(exported.bundle, old)
    before = {p.name: p.read_bytes() for p in old.iterdir()}
    for output in (tmp_path / "new", old):
        with pytest.raises(
            AmganError,
            match=r"differ from PyTorch, OpenVINO, generator: \d+ code values on '.*nothing was written",
        ):
            export_bundle(checkpoint, output)
    assert [p.name for p in tmp_path.iterdir()] == ["old"]
    assert {p.name: p.read_bytes() for p in old.iterdir()} == before


# ---- options


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
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real TensorRT for RTX, without a GPU."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setattr("amgan.export.parity_contenders.current_target", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = ExportOptions(targets=("sm86", "sm89", "sm120"), flavour="tensorrt_rtx")
    said: list[str] = []
    manifest = Bundle.open(export_bundle(checkpoint, tmp_path / "b", said.append, options)).manifest
    engine = "generator.fp16.tensorrt_rtx.engine"
    assert manifest.files[engine].build is not None
    assert manifest.files[engine].build.half_share > 0.95
    assert f"{engine}: building, there is none yet" in said
    assert manifest.parity is not None
    found = {r.get("file"): r for r in manifest.parity["results"]}
    assert found[engine]["verdict"] == "not run"
    assert found[engine]["not_run"] == "there is no NVIDIA GPU in this machine"
    monkeypatch.setattr(bundle_export, "compare", lambda *a: PASSED)
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


# ---- the numbers


@pytest.mark.parametrize(("n", "height", "width"), [(1, 4, 4), (1, 64, 64), (3, 24, 100), (2, 132, 60)])
def test_every_tile_size_and_batch(
    exported: Exported, engine: OpenVinoEngine, n: int, height: int, width: int
) -> None:
    rng = np.random.default_rng(height)
    image = rng.integers(0, 256, (n, height + 2 * HALO, width + 2 * HALO, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (n, 1, image.shape[1] // 4, image.shape[2] // 4)).astype(np.float32)
    corner = 4 * rng.integers(-HALO // 4, 30, (n, 2))
    origin = np.concatenate([corner, rng.choice([128, 512], (n, 1))], axis=1).astype(np.float32)
    found, wanted = run(engine, image, ages, origin), reference(exported, image, ages, origin)
    assert found.shape == (n, height, width, 3)
    assert difference(found, wanted).max() <= 1
    assert difference(wanted, image[:, HALO:-HALO, HALO:-HALO]).mean() > 3  # it does change something


def test_deployed_arithmetic_by_hand(exported: Exported) -> None:
    """Scaling, halo and rounding around the network are what the contract says."""
    from amgan.networks import Generator

    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 2 * HALO + 8, 2 * HALO + 8, 3), dtype=np.uint8)
    ages, origin = np.full((1, 1, 14, 14), 60, np.float32), np.array([[0, 0, 256]], np.float32)
    tensors = [torch.from_numpy(a) for a in (image, ages, origin)]
    untrained = Generator(TINY_MODEL.generator).eval()
    with torch.no_grad():
        same = DeployGenerator(untrained)(*tensors).numpy()
        aged = exported.generator(tensors[0].permute(0, 3, 1, 2) / 127.5 - 1, *tensors[1:])
    assert np.array_equal(same, image[:, HALO:-HALO, HALO:-HALO])  # every code value survives
    codes = ((aged[0].permute(1, 2, 0) + 1) * 127.5).numpy()[HALO:-HALO, HALO:-HALO]
    found = reference(exported, image, ages, origin)[0]
    assert np.abs(np.clip(codes, 0, 255) - found).max() < 0.51
    assert codes.min() < 0 or codes.max() > 255  # so clipping was needed


@pytest.mark.parametrize(
    ("core", "marked"), [(FRAME, False), (64, False), (100, False), (36, True), (4, True)]
)
def test_tiles_give_the_pixels_of_the_whole_frame(engine: OpenVinoEngine, core: int, marked: bool) -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (FRAME + 2 * HALO, FRAME + 2 * HALO, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (image.shape[0] // 4, image.shape[1] // 4)).astype(np.float32)

    def aged(tile: Tile) -> np.ndarray:
        origin = np.array([[tile.x0 - HALO, tile.y0 - HALO, FRAME]], np.float32)
        cells = ages[tile.padded(HALO, 4)][None, None]
        return run(engine, image[tile.padded(HALO)][None].copy(), cells.copy(), origin)[0]

    whole = aged(Tile(0, 0, FRAME, FRAME))
    cells = None
    if marked:  # a ring, as a face with holes
        cells = np.zeros((FRAME // 4, FRAME // 4), bool)
        cells[8:20, 8:24] = True
        cells[11:16, 12:18] = False
    tiles = plan_tiles(FRAME, core, cells)
    assert len(tiles) > 1 or core == FRAME
    stitched = stitch(whole, ((tile, aged(tile)) for tile in tiles))
    apart = difference(stitched, whole)
    # Where this was written not one value differed. An engine may sum in another order for another shape,
    # so that a value on the edge between two codes tips over: hence the small allowance.
    assert apart.max() <= 1, f"{apart.max()} code values apart"
    assert (apart > 0).mean() < 1e-4, f"{(apart > 0).sum()} of {apart.size} values differ"


def test_the_estimator(exported: Exported, hopper: np.ndarray) -> None:
    from amgan.runtime.faces import FaceFinder
    from PIL import Image

    estimator = Estimator(Bundle.open(exported.bundle))
    (face,) = FaceFinder(threads=1).find(hopper)
    found = estimator.read(hopper, face)
    assert np.isfinite([found.base, *found.parts.values()]).all()
    frame = np.asarray(Image.fromarray(hopper).resize((64, 64)))[None]
    with torch.no_grad():
        ages = DeployEstimator(exported.discriminator)(torch.from_numpy(frame.copy())).numpy()
    assert ages.shape == (1, 1, 4, 4) and ages.dtype == np.float32
