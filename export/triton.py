"""Writes a Triton Inference Server model repository with a bundle's generator and estimator.

    REPOSITORY/
      amgan_generator/config.pbtxt    amgan_generator/1/model.onnx (or model.plan)
      amgan_estimator/config.pbtxt    amgan_estimator/1/model.onnx

The configurations follow Triton's model_config.proto. ONNX files run in its onnxruntime backend, in the
requested precision where the bundle has it. An engine of TensorRT itself is preferred to the ONNX file;
Triton does not load engines of TensorRT for RTX.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.engine_files import FORMAT, EngineBuild
from amgan.runtime.bundle.manifest import EstimatorSpec, FileEntry, GeneratorSpec, TensorSpec
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.errors import BundleError, UsageError

PREFIX = "amgan_"
CONFIG = "config.pbtxt"
VERSION = "1"
ROLES = ("generator", "estimator")
ONNX_BATCH = 8
QUEUE_DELAY_US = 2000
INSTANCES = 2
"""Instances of a model on each GPU, or on the CPU: one transfers data while the other computes."""

_TYPES = {"uint8": "TYPE_UINT8", "float16": "TYPE_FP16", "float32": "TYPE_FP32", "int64": "TYPE_INT64"}
_BACKENDS = {"onnx": ("onnxruntime", "model.onnx"), FORMAT: ("tensorrt", "model.plan")}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TritonModel:
    """One model of the repository: the file of the bundle that it serves, and its tensors."""

    name: str
    file: str
    entry: FileEntry
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def batch(self) -> int:
        """The largest batch that Triton may form."""
        return self.entry.build.profile.batch[2] if self.entry.build else ONNX_BATCH

    def config(self) -> str:
        """The model's config.pbtxt."""
        backend, filename = _BACKENDS[self.entry.format]
        sizes = _sizes(self.inputs, self.entry.build)
        blocks = [
            f'name: "{self.name}"',
            f'backend: "{backend}"',
            f'default_model_filename: "{filename}"',
            f"max_batch_size: {self.batch}",
            *(_tensor("input", tensor, sizes) for tensor in self.inputs),
            *(_tensor("output", tensor, sizes) for tensor in self.outputs),
            f"dynamic_batching {{ max_queue_delay_microseconds: {QUEUE_DELAY_US} }}",
            f"instance_group [ {{ kind: KIND_AUTO count: {INSTANCES} }} ]",
        ]
        return "\n".join(blocks) + "\n"


def write_triton(
    bundle: Bundle,
    output: Path,
    progress: Progress = lambda message: None,
    precision: Precision = Precision.FP32,
) -> Path:
    """Write the repository of a bundle to a folder, atomically; returns the folder.

    Models of an older AMGAN repository in the same folder are replaced, other models are kept. Raises
    UsageError for a folder that is a file or cannot be written, and BundleError for a bundle without the
    tensors or files that are needed.
    """
    models = plan_models(bundle, precision)
    if output.exists() and not output.is_dir():
        raise UsageError(f"'{output}' is a file: name a folder for the Triton repository")
    work = output.parent / f".{output.name}.{secrets.token_hex(4)}"
    try:
        work.mkdir(parents=True)
        for model in models:
            progress(f"triton: {model.name} from {model.file}")
            folder = work / model.name / VERSION
            folder.mkdir(parents=True)
            shutil.copyfile(bundle.path / model.file, folder / _BACKENDS[model.entry.format][1])
            (work / model.name / CONFIG).write_text(model.config(), encoding="utf-8")
        _move(work, output, [model.name for model in models])
    except OSError as error:
        raise UsageError(f"'{output}' cannot be written ({error.strerror}): check the folder") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return output


def plan_models(bundle: Bundle, precision: Precision = Precision.FP32) -> tuple[TritonModel, ...]:
    """The models of a bundle, in the precision where it has that and in fp32 otherwise.

    Raises BundleError where its manifest does not describe the tensors.
    """
    manifest = bundle.manifest
    specs: dict[str, GeneratorSpec | EstimatorSpec] = {
        "generator": manifest.generator,
        "estimator": manifest.estimator,
    }
    models = []
    for role in ROLES:
        spec = specs[role]
        if not spec.inputs or not spec.outputs:
            raise BundleError(f"'{bundle.path}' does not name the tensors of its {role}: export it again")
        file, entry = _file(bundle, role, precision)
        models.append(TritonModel(PREFIX + role, file, entry, spec.inputs, spec.outputs))
    return tuple(models)


def _file(bundle: Bundle, role: str, precision: Precision) -> tuple[str, FileEntry]:
    """What to serve: an engine of TensorRT, the ONNX file in the precision, or the one in fp32."""
    for name, entry in bundle.manifest.files.items():
        if entry.role == role and entry.build is not None and entry.build.flavour == "tensorrt":
            return name, entry
    try:
        path = bundle.file(role, precision)
    except BundleError:
        path = bundle.file(role, Precision.FP32)
    name = path.relative_to(bundle.path).as_posix()
    return name, bundle.manifest.files[name]


def _sizes(inputs: Sequence[TensorSpec], build: EngineBuild | None) -> dict[str, int]:
    """The values of symbolic dimensions for an engine, which has one size only: {"H": 368, "W": 368}."""
    if build is None:
        return {}
    shapes = build.profile.inputs
    return {
        letter: size
        for tensor in inputs
        if tensor.name in shapes
        for letter, size in zip(tensor.shape[1:], shapes[tensor.name], strict=True)
        if isinstance(letter, str)
    }


def _tensor(kind: str, tensor: TensorSpec, sizes: dict[str, int]) -> str:
    """One input or output; its dims exclude the batch, and dynamic ones are -1."""
    if tensor.type not in _TYPES:
        raise BundleError(
            f"the tensor {tensor.name} is {tensor.type}, which Triton is not told: export again"
        )
    dims = ", ".join(str(_dim(size, sizes)) for size in tensor.shape[1:])
    return (
        f"{kind} {{\n  name: {json.dumps(tensor.name)}\n  data_type: {_TYPES[tensor.type]}\n"
        f"  dims: [{dims}]\n}}"
    )


def _dim(size: int | str, sizes: dict[str, int]) -> int:
    """The value of a dimension: a number, or "H", "H/4", "H-112" with the engine's H; -1 where dynamic."""
    if isinstance(size, int):
        return size
    if size in sizes:
        return sizes[size]
    for sign in "/-":
        letter, found, number = size.partition(sign)
        if found and letter in sizes and number.isdigit():
            return sizes[letter] // int(number) if sign == "/" else sizes[letter] - int(number)
    return -1


def _move(work: Path, output: Path, names: Sequence[str]) -> None:
    """Move the finished models to the repository; old ones are deleted last."""
    output.mkdir(parents=True, exist_ok=True)
    for name in names:
        old = work / f"{name}.old"
        if (output / name).exists():
            (output / name).replace(old)
        (work / name).replace(output / name)
