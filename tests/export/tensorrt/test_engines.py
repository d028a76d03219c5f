"""Engines of a whole bundle: what is built, kept, built again and why; nothing is ever half done."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from support.command_line import one_sentence, run
from support.engine_helpers import GPUS, write_conv_generator, write_half_bundle

from amgan.commands import export
from amgan.export import bundle as bundle_export
from amgan.export.bundle import ExportOptions
from amgan.export.tensorrt import build as tensorrt_build
from amgan.export.tensorrt.engines import add_engines, timing_cache
from amgan.export.tensorrt.options import EngineOptions
from amgan.runtime.bundle.bundle import MANIFEST, Bundle, write_manifest
from amgan.runtime.engines.cuda.program import largest_batch
from amgan.runtime.engines.find import check_engine, find_engines
from amgan.runtime.errors import BundleError, EngineError, UsageError
from amgan.runtime.files import file_sha256

trt = pytest.importorskip("tensorrt_rtx")

OPTIONS = EngineOptions(cores=((32, 32),), batch=4)
GENERATOR, ESTIMATOR = "generator.fp16.32x32px.tensorrt_rtx.engine", "estimator.fp16.tensorrt_rtx.engine"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("build", "flavour", "network"):
        monkeypatch.setattr(f"amgan.export.tensorrt.{module}.current_target", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_half_bundle(tmp_path / "bundle")


def add(folder: Path, targets: tuple[str, ...], *rest: Any) -> list[str]:
    """Build into a bundle that exists, and write its manifest; returns what was said."""
    said: list[str] = []
    manifest = Bundle.open(folder).manifest
    write_manifest(folder, add_engines(folder, manifest, targets, *rest, progress=said.append))
    return said


def build(folder: Path, targets: tuple[str, ...] = GPUS, options: EngineOptions = OPTIONS) -> str:
    """Build into a bundle; returns what was said of the generator."""
    said = add(folder, targets, "tensorrt_rtx", options)
    return next(line for line in said if line.startswith(GENERATOR)).partition(": ")[2]


def test_manifest_of_a_bundle_with_engines(folder: Path) -> None:
    before = Bundle.open(folder).manifest
    assert build(folder) == "building, there is none yet"
    bundle = Bundle.open(folder)
    assert set(bundle.manifest.files) == {*before.files, GENERATOR, ESTIMATOR}
    assert replace(bundle.manifest, files=before.files) == before
    entry = bundle.manifest.files[GENERATOR]
    assert (entry.role, entry.format, entry.precision) == ("generator", "tensorrt", "fp16")
    assert entry.sha256 == file_sha256(folder / GENERATOR)
    assert entry.build is not None
    assert entry.build.onnx_sha256 == file_sha256(folder / "generator.fp16.onnx")
    assert entry.build.profile.batch == (1, 4, 4)
    assert entry.build.profile.inputs == {
        "image": (48, 48, 3),
        "aging_map": (1, 12, 12),
        "coordinates": (4, 12, 12),
        "pattern": (3,),
    }
    estimator = bundle.manifest.files[ESTIMATOR].build
    assert estimator is not None
    assert estimator.profile.inputs == {"image": (64, 64, 3)}
    assert check_engine(entry, "tensorrt_rtx", trt.__version__, 86) is None
    found = find_engines(bundle, "estimator", "tensorrt_rtx", trt.__version__, 120)
    assert found[0][0] == folder / ESTIMATOR
    assert not list(folder.glob(".*"))


def test_every_size_of_tiles_gets_an_engine(folder: Path) -> None:
    options = EngineOptions(cores=((128, 128), (32, 48), (512, 512)), batch=8)
    add(folder, ("sm86",), "tensorrt_rtx", options)
    bundle = Bundle.open(folder)
    # No frame of this bundle is larger than 256 px, and so no tile.
    found = find_engines(bundle, "generator", "tensorrt_rtx", trt.__version__, 86)
    assert [path.name.split(".")[2] for path, _ in found] == ["32x48px", "128x128px", "256x256px"]
    builds = [entry.build for _, entry in found if entry.build]
    assert [build.profile.size_px for build in builds] == [(48, 64), (144, 144), (272, 272)]
    assert [build.profile.batch for build in builds] == 3 * [(1, 8, 8)]
    # Sizes that are no longer asked for do not stay in the manifest, engines for other GPUs do.
    add(folder, ("sm89",), "tensorrt_rtx", OPTIONS)
    add(folder, ("sm86",), "tensorrt_rtx", OPTIONS)
    names = set(Bundle.open(folder).manifest.files)
    assert GENERATOR in names
    assert not any("128x128px" in name for name in names)
    with pytest.raises(UsageError, match="no size of tiles"):
        add(folder, ("sm86",), "tensorrt_rtx", EngineOptions(cores=()))


def test_the_help_names_the_default_tiles() -> None:
    (option,) = (o for o in export.command.params if isinstance(o, click.Option) and o.name == "cores")
    cores = EngineOptions().cores
    first, last = ("x".join(map(str, core)) for core in (cores[0], cores[-1]))
    assert option.show_default == f"{len(cores)} sizes from {first} to {last}"


def test_default_tiles_and_their_batches() -> None:
    areas = [width * height for width, height in EngineOptions().cores]
    assert areas == sorted(areas)
    assert all(side % 16 == 0 for core in EngineOptions().cores for side in core)
    sizes = [None, *((side, side) for side in (64, 256, 512, 1024, 4096)), (512, 1024)]
    assert [largest_batch(core, 8) for core in sizes] == [8, 8, 8, 8, 2, 1, 4]


def test_engines_for_every_gpu_from_ampere_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="TensorRT for RTX has no hardware compatibility"):
        add(folder, ("sm86",), "auto", replace(OPTIONS, portable=True))
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(trt, "__version__", "11.1.0")
    monkeypatch.setattr(trt.IBuilderConfig, "get_timing_cache", lambda self: None)
    add(folder, ("sm86",), "tensorrt", replace(OPTIONS, portable=True))
    entry = Bundle.open(folder).manifest.files["generator.fp16.32x32px.tensorrt.sm86.engine"]
    assert entry.build is not None
    assert entry.build.options["hardware_compatibility"] is True
    assert check_engine(entry, "tensorrt", "11.1.0", 90) is None
    assert "it was built for GPUs of sm86" in str(check_engine(entry, "tensorrt", "11.1.0", 75))


def test_nothing_is_built_twice(folder: Path) -> None:
    build(folder)
    before = (folder / GENERATOR).stat().st_mtime_ns
    assert build(folder).startswith("kept, the same ONNX file, options, tensorrt_rtx 1.")
    assert (folder / GENERATOR).stat().st_mtime_ns == before


def test_force_builds_again(folder: Path) -> None:
    build(folder)
    assert build(folder, options=replace(OPTIONS, force=True)) == "building, a new one was asked for"


@pytest.mark.parametrize(
    ("targets", "options", "reason"),
    [
        (("sm86",), OPTIONS, "it is for sm86, sm89, sm120 and not sm86"),
        (GPUS, replace(OPTIONS, batch=1), "the tile or batch size changed"),
        (GPUS, replace(OPTIONS, level=1), "the build options changed"),
        (GPUS, replace(OPTIONS, workspace_mib=512), "the build options changed"),
    ],
)
def test_what_matters_changed(
    folder: Path, targets: tuple[str, ...], options: EngineOptions, reason: str
) -> None:
    build(folder)
    assert build(folder, targets, options) == f"building, {reason}"
    assert build(folder, targets, options).startswith("kept")


def test_the_onnx_file_changed(folder: Path) -> None:
    build(folder)
    manifest = Bundle.open(folder).manifest
    name = "generator.fp16.onnx"
    write_conv_generator(folder / name, extra="Abs")
    entry = replace(manifest.files[name], sha256=file_sha256(folder / name))
    write_manifest(folder, replace(manifest, files={**manifest.files, name: entry}))
    assert build(folder) == "building, the ONNX file changed"


def test_tensorrt_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(folder)
    monkeypatch.setattr(trt, "__version__", "1.9.9")
    said = f"building, it is from tensorrt_rtx {importlib.metadata.version('tensorrt_rtx')}, "
    assert build(folder) == f"{said}and tensorrt_rtx 1.9.9 is installed"


def test_engine_file_is_missing_or_damaged(folder: Path) -> None:
    build(folder)
    manifest = Bundle.open(folder).manifest
    (folder / GENERATOR).write_bytes(b"damaged")
    said: list[str] = []
    add_engines(folder, manifest, GPUS, "tensorrt_rtx", OPTIONS, said.append)
    assert f"{GENERATOR}: building, its file is missing or damaged" in said
    assert any(line.startswith(f"{ESTIMATOR}: kept") for line in said)


def test_engines_of_the_previous_bundle_are_taken_over(folder: Path, tmp_path: Path) -> None:
    build(folder)
    new = write_half_bundle(tmp_path / "new")
    said: list[str] = []
    manifest = Bundle.open(new).manifest
    manifest = add_engines(new, manifest, GPUS, "tensorrt_rtx", OPTIONS, said.append, previous=folder)
    write_manifest(new, manifest)
    assert all(": kept" in line for line in said)
    assert Bundle.open(new).manifest.files == Bundle.open(folder).manifest.files


def test_damaged_previous_bundle_is_no_hindrance(folder: Path, tmp_path: Path) -> None:
    build(folder)
    (folder / MANIFEST).write_text("{")
    new = write_half_bundle(tmp_path / "new")
    said: list[str] = []
    add_engines(new, Bundle.open(new).manifest, GPUS, "tensorrt_rtx", OPTIONS, said.append, previous=folder)
    assert f"{GENERATOR}: building, the previous bundle is damaged" in said


def test_no_onnx_file_of_the_precision(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no bf16 ONNX file of its generator: export .* --bf16"):
        build(folder, options=replace(OPTIONS, precision="bf16"))


def test_fp32_file_that_says_fp16(folder: Path) -> None:
    before = sorted(folder.iterdir())
    manifest = Bundle.open(folder).manifest
    files = {
        name: replace(entry, precision="fp16" if entry.precision == "fp32" else "fp32")
        for name, entry in manifest.files.items()
    }
    with pytest.raises(EngineError):
        add_engines(folder, replace(manifest, files=files), GPUS, "tensorrt_rtx", OPTIONS)
    assert sorted(folder.iterdir()) == before


def test_failure_leaves_the_bundle_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    write = tensorrt_build._write

    def fail_second(engine: Any, output: Path) -> None:
        if output.name == ESTIMATOR:
            raise EngineError("no")
        write(engine, output)

    monkeypatch.setattr(tensorrt_build, "_write", fail_second)
    with pytest.raises(EngineError):
        build(folder, ("sm86",))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize("core", [(0, 32), (32, -4), (32, 30)])
def test_impossible_core(folder: Path, core: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=f"cannot be {core[0]}x{core[1]} px: use multiples of 4 px"):
        build(folder, options=replace(OPTIONS, cores=(core,)))


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning")
def test_tensorrt_itself_keeps_its_timings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT for RTX stands in for TensorRT, whose Python interface is the same."""
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(trt, "__version__", "11.1.0")
    monkeypatch.setattr(trt.IBuilderConfig, "get_timing_cache", lambda self: Timings())
    for _ in range(2):
        add(folder, ("sm86",), "tensorrt", OPTIONS)
        assert timing_cache("tensorrt", trt.__version__, ("sm86",)).read_bytes() == b"timings"
    built = Bundle.open(folder).manifest.files["generator.fp16.32x32px.tensorrt.sm86.engine"].build
    assert built is not None
    assert built.flavour == "tensorrt"


class Timings:
    def serialize(self) -> bytes:
        return b"timings"


def amgan(*arguments: object) -> Any:
    return run("export", *arguments)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(bundle_export, "export_bundle", lambda *a: asked.append(a) or a[1])
    output = tmp_path / "b"
    assert amgan("-o", output, "--targets", "sm120,sm86", "--force", "--bf16").exit_code == 0
    assert amgan("-o", output, "--fp16").exit_code == 0
    assert amgan("-o", output, "--plain").exit_code == 0
    cache = tmp_path / "timings"
    options = ["--core", 128, "--core", "320x400", "--batch", 2, "--level", 5, "--workspace", 64]
    options += ["--timing-cache", cache]
    assert amgan("-o", output, "--targets", "sm86", *options).exit_code == 0
    assert [a[3] for a in asked] == [
        ExportOptions(("fp32", "bf16"), ("sm86", "sm120"), "auto", True),
        ExportOptions(("fp32", "fp16")),
        ExportOptions(plain=True),
        ExportOptions(
            targets=("sm86",),
            engines=EngineOptions(
                cores=((128, 128), (320, 400)), batch=2, level=5, workspace_mib=64, timing_cache=cache
            ),
        ),
    ]
    assert ExportOptions(targets=("sm86",)).written == ("fp32", "fp16")


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        (["--force"], 2, "name their --targets"),
        (["--flavour", "tensorrt_rtx"], 2, "name their --targets"),
        (["--core", "128"], 2, "name their --targets"),
        (["--core", "63"], 2, "'63' is no size: use one such as 320x400"),
        (["--core", "128x"], 2, "'128x' is no size: use one"),
        (["--core", "128x128x128"], 2, "is no size: use one such as 320x400"),
        (["--hardware-compatibility"], 2, "name their --targets"),
        (["--plain", "--fp16"], 2, "--plain writes fp32 only"),
        (["--plain", "--targets", "sm86"], 2, "--plain writes fp32 only"),
        (["--targets", "volta"], 2, "'volta' is no generation of GPUs"),
        (["--targets", "sm90"], 2, "cannot build for sm90"),
        (["--targets", "current", "--flavour", "tensorrt_rtx"], 1, "needs an NVIDIA GPU"),
    ],
)
def test_wrong_use_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, named: str
) -> None:
    def export(*_: Any, **__: Any) -> Path:
        raise AssertionError("too late")

    monkeypatch.setattr(bundle_export, "export_bundle", export)
    result = amgan("-o", tmp_path / "b", *options)
    assert result.exit_code == code
    assert named in one_sentence(result)
    assert not (tmp_path / "b").exists()
