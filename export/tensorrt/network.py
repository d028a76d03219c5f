"""Configures TensorRT's builder, and fixes the sizes of a network's inputs."""

from __future__ import annotations

from typing import Any

from amgan.runtime.engines import tensorrt_session
from amgan.runtime.engines.tensorrt_session import building, parse
from amgan.runtime.errors import EngineError

from .flavour import Flavour, current_target
from .options import BuildOptions

__all__ = ["MIB", "BuildSession", "building", "configure", "parse"]

MIB = 1 << 20
BuildSession = tensorrt_session.BuildSession[Flavour]


def configure(session: BuildSession, options: BuildOptions, targets: tuple[str, ...], source: str) -> Any:
    """The builder's configuration; it also fixes the sizes of the network's inputs and leaves the batch open.

    Raises EngineError when the inputs of the network ``source`` are others, or the flavour refuses a target.
    """
    trt = session.flavour.trt
    config = session.builder.create_builder_config()
    config.add_optimization_profile(_fix_sizes(session, options, source))
    config.builder_optimization_level = options.level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)
    if options.portable:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * MIB)
    if session.flavour.ahead:
        _set_targets(session, config, targets)
    file = options.timing_cache
    if file is not None and session.flavour.has_timing_cache:
        timings = config.create_timing_cache(file.read_bytes() if file.is_file() else b"")
        config.set_timing_cache(timings, False)
    return config


def _fix_sizes(session: BuildSession, options: BuildOptions, source: str) -> Any:
    profile = session.builder.create_optimization_profile()
    inputs = [session.network.get_input(i) for i in range(session.network.num_inputs)]
    if {t.name for t in inputs} != set(options.inputs):
        found = ", ".join(t.name for t in inputs)
        raise EngineError(f"'{source}' takes {found}, not {', '.join(options.inputs)}: export it again")
    for tensor in inputs:
        size = options.inputs[tensor.name]
        known = tuple(tensor.shape)[1:]
        if len(known) != len(size) or any(k not in (-1, s) for k, s in zip(known, size, strict=True)):
            raise EngineError(
                f"the input {tensor.name} of '{source}' has the shape {known}, not {size}: export it again"
            )
        # With fixed sizes TensorRT infers all inner shapes, so the arithmetic can be counted.
        tensor.shape = (-1, *size)
        profile.set_shape(tensor.name, *((n, *size) for n in options.batch))
    return profile


def _set_targets(session: BuildSession, config: Any, targets: tuple[str, ...]) -> None:
    kinds = session.flavour.trt.ComputeCapability.__members__
    if targets == (current_target(),) and targets[0].upper() not in kinds:
        return
    config.num_compute_capabilities = len(targets)
    for number, target in enumerate(targets):
        if not config.set_compute_capability(kinds[target.upper()], number):
            reason = session.reason()
            raise EngineError(f"{session.flavour} refuses to build for {target}, {reason}: change --targets")
