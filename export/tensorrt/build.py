"""ONNX to a TensorRT engine: parse, check the precision, build, inspect, write. Works without a GPU."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from amgan.runtime.bundle.engine_files import PORTABLE, EngineBuild, EngineProfile
from amgan.runtime.engines.cuda.api import load_cuda
from amgan.runtime.errors import AmganError, EngineError
from amgan.runtime.files import file_sha256, whole_file

from .check import PrecisionReport, inspect_engine, inspect_network, require_precision
from .flavour import current_target, load_flavour, resolve_targets
from .log import Progress, make_monitor, out_of_memory
from .network import MIB, BuildSession, building, configure, parse
from .options import BuildOptions

TIMES_ON_GPU = frozenset({"tensorrt"})
"""Flavours that run kernels while they build, to choose the fastest; TensorRT for RTX builds without."""
CHANNELS_PER_VALUE = 32
"""Estimated number of values in memory per value of the input, at the widest layers of the networks."""

__all__ = ["BuildOptions", "build_engine", "plan_build"]


def plan_build(onnx_path: Path, options: BuildOptions) -> EngineBuild:
    """The record of a build (without the precision check), without building.

    Raises UsageError, MissingDependencyError or EngineError if it cannot be built here.
    """
    options.check()
    flavour = load_flavour(options.flavour, options.targets)
    targets = resolve_targets(flavour, options.targets)
    if not onnx_path.is_file():
        raise EngineError(f"'{onnx_path}' does not exist: export it before its engine")
    recorded: dict[str, str | int | float | bool] = {
        "precision": options.precision,
        "level": options.level,
        "workspace_mib": options.workspace_mib,
        "strongly_typed": True,
        "tf32": False,
    }
    if flavour.name == "tensorrt_rtx":
        recorded["graphs"] = True
    if options.portable:
        replace(options, flavour=flavour.name).check()
        recorded[PORTABLE] = True
    profile = EngineProfile(options.batch, {n: tuple(s) for n, s in options.inputs.items()})
    return EngineBuild(flavour.name, flavour.version, targets, file_sha256(onnx_path), profile, recorded)


def build_engine(
    onnx_path: Path, output: Path, options: BuildOptions, progress: Progress = lambda message: None
) -> EngineBuild:
    """Build an engine from an ONNX file and write ``output`` atomically. Returns the record of the build.

    Raises EngineError for an ONNX file that is damaged, has another precision or an operator that TensorRT
    does not support, for lack of memory, and if the engine cannot be written; UsageError and
    MissingDependencyError as in plan_build.
    """
    plan = plan_build(onnx_path, options)
    if plan.flavour in TIMES_ON_GPU:
        _require_memory(onnx_path, output.name, options)
    with building(load_flavour(plan.flavour)) as session:
        return _run(session, onnx_path, output, options, plan, progress)


def gpu_memory() -> tuple[int, int] | None:
    """Free and total memory in bytes of CUDA's first GPU; None if unknown."""
    try:
        cuda = load_cuda()
        cuda.use(0)
        return cuda.memory()
    except AmganError:
        return None


def needed_memory(onnx_path: Path, options: BuildOptions) -> int:
    """Minimum GPU memory of a build in bytes: weights twice, and pictures at their largest batch."""
    pictures = sum(math.prod(size) for size in options.inputs.values()) * options.batch[2]
    widest = pictures * CHANNELS_PER_VALUE * (4 if options.precision == "fp32" else 2)
    return 2 * onnx_path.stat().st_size + widest + options.workspace_mib * MIB


def _require_memory(onnx_path: Path, name: str, options: BuildOptions) -> None:
    memory = gpu_memory()
    needed = needed_memory(onnx_path, options)
    if memory is not None and memory[0] < needed:
        there = f"{memory[0] // MIB} MiB of {memory[1] // MIB} MiB free"
        raise EngineError(
            f"{name} cannot be built, the GPU has {there} and the build needs {needed // MIB} MiB: "
            "close other programs, or build for a smaller tile or batch"
        )


def _allow_graphs(session: BuildSession, config: Any) -> None:
    """Make TensorRT for RTX build an engine that can be captured as a CUDA graph."""
    flag = getattr(session.flavour.trt.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)
    if flag is not None and session.flavour.name == "tensorrt_rtx":
        config.set_flag(flag)


def _run(
    session: BuildSession,
    onnx_path: Path,
    output: Path,
    options: BuildOptions,
    plan: EngineBuild,
    progress: Progress,
) -> EngineBuild:
    parse(session, onnx_path)
    config = configure(session, options, plan.targets, onnx_path.name)
    _allow_graphs(session, config)
    report = inspect_network(session.flavour.trt, session.network)
    require_precision(report, options.precision, onnx_path.name)
    targets = ", ".join(plan.targets)
    progress(f"building {output.name} for {targets} with {session.flavour} ({report.half_share:.1%} half)")
    engine = _build(session, config, output.name, progress)
    loaded = current_target() in plan.targets and _check_loaded(session, engine, report, options, output.name)
    _write(engine, output)
    _keep_timings(session, config, options)
    return replace(
        plan, half_share=round(report.half_share, 4), checked="network and engine" if loaded else "network"
    )


def _build(session: BuildSession, config: Any, name: str, progress: Progress) -> Any:
    """The serialised engine (a buffer); raises EngineError with TensorRT's first reason."""
    monitor = make_monitor(session.flavour.trt, name, progress)
    if monitor is not None:
        config.progress_monitor = monitor
    try:
        engine = session.builder.build_serialized_network(session.network, config)
    except MemoryError:
        engine = None
        session.log.errors.append("out of memory")
    if engine is not None:
        return engine
    if monitor is not None and monitor.interrupted:
        raise KeyboardInterrupt
    if out_of_memory(session.log.errors):
        raise EngineError(
            f"memory ran out while {name} was built and nothing was written: "
            "close other programs, give more workspace, or build for a smaller tile or batch"
        )
    raise EngineError(f"{session.flavour} could not build {name}, {session.reason()}; nothing was written")


def _check_loaded(
    session: BuildSession, engine: Any, report: PrecisionReport, options: BuildOptions, name: str
) -> bool:
    """Load a new engine on this machine's GPU and check its precision; False if it is not reported."""
    trt = session.flavour.trt
    session.log.errors.clear()
    loaded = trt.Runtime(session.log).deserialize_cuda_engine(engine)
    if loaded is None:
        raise EngineError(f"{name} was built but cannot be loaded, {session.reason()}; nothing was written")
    return inspect_engine(trt, loaded, report, options.precision, name) > 0


def _keep_timings(session: BuildSession, config: Any, options: BuildOptions) -> None:
    """Save the builder's timings; failures to write the cache are ignored."""
    file = options.timing_cache
    timings = config.get_timing_cache() if file and session.flavour.has_timing_cache else None
    if file is None or timings is None:
        return
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, timings.serialize())


def _write(engine: Any, output: Path) -> None:
    try:
        _replace(output, engine)
    except OSError as error:
        raise EngineError(f"'{output}' cannot be written: {error.strerror}") from error


def _replace(path: Path, content: Any) -> None:
    """Write a file atomically."""
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(memoryview(content))
