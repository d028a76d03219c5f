"""Builds TensorRT engines of small networks on the machine that runs them, and keeps them in the cache.

A bundle's engines are built ahead, by `amgan export`. The networks that find faces belong to no bundle: each
is built when it is first needed, for the GPU it runs on, in fp32.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..bundle.engine_files import FORMAT, EngineBuild, EngineProfile
from ..bundle.manifest import FileEntry
from ..errors import EngineError
from .compiled_cache import SUFFIX, cache_folder, drop_entry, read_entry, write_entry
from .cuda.api import Cuda, GpuInfo
from .cuda.program import Tensor
from .tensorrt import TensorRtProgram
from .tensorrt_library import Library, load_tensorrt
from .tensorrt_session import BuildSession, building, parse

_one_at_a_time = threading.Lock()


def open_here(
    cuda: Cuda, gpu: GpuInfo, flavour: str, path: Path, inputs: Mapping[str, Tensor], most: int
) -> TensorRtProgram:
    """The program of an ONNX file in a flavour of TensorRT on the current GPU; built if it is not cached.

    ``inputs`` are without the batch axis, ``most`` is the largest batch. Raises EngineError and
    MissingDependencyError.
    """
    library = Library(flavour, str(load_tensorrt(flavour).__version__), load_tensorrt(flavour))
    sizes = {name: tensor.shape for name, tensor in inputs.items()}
    target, content = f"sm{gpu.compute}", path.read_bytes()
    facts = ["here 1", hashlib.sha256(content).hexdigest(), str(library), gpu.name, target, sizes, most]
    build = EngineBuild(flavour, library.version, (target,), "", EngineProfile((1, most, most), sizes))
    entry = FileEntry("face", FORMAT, "fp32", "", build)
    folder = cache_folder()
    kept = None if folder is None else folder / (_hash(facts) + SUFFIX)
    plan = None if kept is None else read_entry(kept)
    if plan is not None and kept is not None:
        try:
            return TensorRtProgram(cuda, path, entry, gpu=gpu, plan=plan)
        except EngineError:
            drop_entry(kept)
    with _one_at_a_time:
        plan = build_plan(library, path, sizes, most, target)
    program = TensorRtProgram(cuda, path, entry, gpu=gpu, plan=plan)
    if kept is not None:
        write_entry(kept, plan)
    return program


def build_plan(
    library: Library, path: Path, sizes: Mapping[str, tuple[int, ...]], most: int, target: str
) -> bytes:
    """Build the engine of an ONNX file for inputs of these sizes; ``target`` is such as "sm86".

    Raises EngineError, which says what TensorRT does not support.
    """
    with building(library) as session:
        return _build(session, path, sizes, most, target)


def _build(
    session: BuildSession[Library], path: Path, sizes: Mapping[str, tuple[int, ...]], most: int, target: str
) -> bytes:
    """`build_plan` in a session, which no object of TensorRT may outlive."""
    library, trt = session.flavour, session.flavour.trt
    parse(session, path)
    config = session.builder.create_builder_config()
    config.add_optimization_profile(_profile(session, sizes, most))
    config.clear_flag(trt.BuilderFlag.TF32)
    if library.name == "tensorrt_rtx":
        allowed = getattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)
        if allowed is not None:  # for CUDA graphs
            config.set_flag(allowed)
        kind = trt.ComputeCapability.__members__.get(target.upper())
        config.num_compute_capabilities = 1
        if kind is None or not config.set_compute_capability(kind, 0):
            raise EngineError(f"{library} does not build for {target}: build for another GPU")
    try:
        plan = session.builder.build_serialized_network(session.network, config)
    except MemoryError:
        plan = None
    if plan is None:
        raise EngineError(f"{library} could not build '{path.name}', {session.reason()}: run `amgan doctor`")
    return bytes(plan)


def _profile(session: BuildSession[Library], sizes: Mapping[str, tuple[int, ...]], most: int) -> Any:
    profile = session.builder.create_optimization_profile()
    for number in range(session.network.num_inputs):
        tensor = session.network.get_input(number)
        tensor.shape = (-1, *sizes[tensor.name])
        profile.set_shape(tensor.name, *((batch, *sizes[tensor.name]) for batch in (1, most, most)))
    return profile


def _hash(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
