"""Triton repositories, held against Triton's own definition of a configuration and the real networks."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from support.command_line import refuse, run
from support.engine_helpers import engine_content
from support.exported import Exported

from amgan.export import bundle as bundle_export
from amgan.export.triton import ONNX_BATCH, plan_models, write_triton
from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.bundle.manifest import Manifest, TensorSpec
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.errors import BundleError, UsageError
from amgan.runtime.files import file_sha256

ELEMENT_TYPES = {"TYPE_UINT8": np.uint8, "TYPE_FP32": np.float32}


@pytest.fixture(scope="module")
def triton() -> ModuleType:
    """Triton's model_config_pb2; its package as a whole would need gRPC as well."""
    spec = importlib.util.find_spec("tritonclient")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    module_spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


def parsed(triton: ModuleType, folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), triton.ModelConfig())


def described(triton: ModuleType, tensors: Any) -> dict[str, tuple[Any, list[int]]]:
    """Type and sizes, without the batch, of the tensors that a configuration names."""
    return {t.name: (ELEMENT_TYPES[triton.DataType.Name(t.data_type)], list(t.dims)) for t in tensors}


def real(values: Any) -> dict[str, tuple[Any, list[int]]]:
    """The same of an ONNX graph's inputs or outputs; open sizes are -1."""
    found = {}
    for value in values:
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).type
        sizes = value.type.tensor_type.shape.dim
        assert sizes[0].dim_param  # the batch is open
        found[value.name] = (kind, [-1 if d.dim_param else d.dim_value for d in sizes[1:]])
    return found


@pytest.mark.parametrize("role", ["generator", "estimator"])
@pytest.mark.parametrize("which", ["shipped", "exported"])
def test_a_configuration_says_what_the_network_is(
    which: str, role: str, triton: ModuleType, exported: Exported, tmp_path: Path
) -> None:
    bundle = Bundle.open(SHIPPED if which == "shipped" else exported.bundle)
    repository = write_triton(bundle, tmp_path / "deep" / "models")
    folder = repository / f"amgan_{role}"
    config = parsed(triton, folder)
    file = folder / "1" / config.default_model_filename
    assert file.read_bytes() == bundle.file(role, "fp32").read_bytes()
    graph = onnx.load(file).graph
    assert described(triton, config.input) == real(graph.input)
    assert described(triton, config.output) == real(graph.output)
    assert config.name == folder.name
    assert config.backend == "onnxruntime"
    assert config.max_batch_size == ONNX_BATCH
    assert config.HasField("dynamic_batching")
    assert [group.count for group in config.instance_group] == [2]
    assert sorted(p.name for p in folder.iterdir()) == ["1", "config.pbtxt"]
    assert [p.name for p in repository.parent.iterdir()] == ["models"]


def test_the_precision_asked_for_is_served_where_it_is_there(tmp_path: Path) -> None:
    shipped = Bundle.open()
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in shipped.manifest.files:
        (folder / name).symlink_to(shipped.path / name)
    (folder / "generator.half.onnx").write_bytes(b"half")
    content = shipped.manifest.to_dict()
    of_generator = next(e for e in content["files"].values() if e["role"] == "generator")
    content["files"]["generator.half.onnx"] = {**of_generator, "precision": "fp16"}
    bundle = replace(shipped, path=folder, manifest=Manifest.from_dict(content))
    for precision, served in (("fp32", shipped.file("generator").read_bytes()), ("fp16", b"half")):
        repository = write_triton(bundle, tmp_path / precision, precision=Precision(precision))
        assert (repository / "amgan_generator" / "1" / "model.onnx").read_bytes() == served
        estimator = (repository / "amgan_estimator" / "1" / "model.onnx").read_bytes()
        assert estimator == shipped.file("estimator").read_bytes()  # which is there in fp32 only


def test_an_engine_of_tensorrt_is_served_with_its_one_size(triton: ModuleType, tmp_path: Path) -> None:
    shipped = Bundle.open()
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in shipped.manifest.files:
        (folder / name).symlink_to(shipped.path / name)
    content = shipped.manifest.to_dict()
    for flavour in ("tensorrt_rtx", "tensorrt"):
        name = f"generator.{flavour}.engine"
        (folder / name).write_bytes(flavour.encode())
        content["files"][name] = engine_content(folder / name, flavour=flavour)
    manifest = Manifest.from_dict(content)
    repository = write_triton(replace(shipped, path=folder, manifest=manifest), tmp_path / "models")
    generator = parsed(triton, repository / "amgan_generator")
    assert (generator.backend, generator.max_batch_size) == ("tensorrt", 8)
    assert (repository / "amgan_generator" / "1" / "model.plan").read_bytes() == b"tensorrt"
    dims = {t.name: list(t.dims) for t in (*generator.input, *generator.output)}
    assert dims == {
        "image": [368, 368, 3],
        "aging_map": [1, 92, 92],
        "coordinates": [4, 92, 92],
        "pattern": [shipped.manifest.patterns],
        "aged": [280, 280, 3],
    }
    assert parsed(triton, repository / "amgan_estimator").backend == "onnxruntime"


def test_older_models_are_replaced_and_others_stay(tmp_path: Path) -> None:
    output = tmp_path / "models"
    (output / "amgan_generator" / "7").mkdir(parents=True)
    (output / "other").mkdir()
    messages: list[str] = []
    write_triton(Bundle.open(), output, messages.append)
    assert sorted(p.name for p in output.iterdir()) == ["amgan_estimator", "amgan_generator", "other"]
    assert not (output / "amgan_generator" / "7").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["models"]
    assert messages == [
        "triton: amgan_generator from generator.onnx",
        "triton: amgan_estimator from estimator.onnx",
    ]


def test_what_cannot_be_served_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Bundle.open()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file: name a folder"):
        write_triton(bundle, tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be written"):
        write_triton(bundle, tmp_path / "file" / "models")
    with pytest.raises(BundleError, match="does not name the tensors of its estimator"):
        plan_models(Bundle.open(tiny_bundle))
    odd = replace(bundle.manifest.estimator, outputs=(TensorSpec("ages", "complex64", ("N", 1)),))
    with pytest.raises(BundleError, match="the tensor ages is complex64"):
        write_triton(replace(bundle, manifest=replace(bundle.manifest, estimator=odd)), tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_command_writes_both(
    checkpoint: Path, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, models = tmp_path / "bundle", tmp_path / "models"
    words = ["export", "--checkpoint", str(checkpoint), "-o", str(bundle), "--triton"]
    assert "name two" in refuse(*words, str(bundle))
    done = run(*words, str(models))
    assert done.exit_code == 0, done.output
    assert f"Triton repository written to {models}" in done.output
    assert (models / "amgan_generator" / "1" / "model.onnx").is_file()


def test_a_bundle_has_the_header_of_the_c_library(exported: Exported) -> None:
    header = bundle_export.C_HEADER
    for folder in (exported.bundle, SHIPPED):
        assert file_sha256(folder / header.name) == file_sha256(header)
