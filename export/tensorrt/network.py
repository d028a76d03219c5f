"""Parses ONNX into TensorRT's network, fixes its input sizes and configures the builder."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amgan.runtime.errors import EngineError

from .flavour import Flavour, current_target
from .log import first_reason, make_log
from .options import BuildOptions

MIB = 1 << 20


@dataclass
class BuildSession:
    """TensorRT's objects of one build; the parser owns the network's weights, so it is kept."""

    flavour: Flavour
    log: Any
    builder: Any
    network: Any
    parser: Any

    def reason(self) -> str:
        """The first error of the build that explains something."""
        return first_reason(self.log.errors)


@contextmanager
def building(flavour: Flavour) -> Iterator[BuildSession]:
    """A build with an empty, strongly typed network; raises EngineError when TensorRT needs a GPU for it.

    TensorRT logs while it holds a lock, and freeing one of its objects takes the same lock. If the garbage
    collector freed an object while the logger runs, the process would deadlock. So the collector is disabled
    during a build, and no object outlives it, not even in an exception's frames. One build at a time.
    """
    collecting = gc.isenabled()
    gc.disable()
    session = None
    try:
        session = _start(flavour)
        yield session
    except BaseException as error:
        fault: BaseException | None = error
        while fault is not None:
            traceback.clear_frames(fault.__traceback__)
            fault = fault.__cause__ or fault.__context__
        raise
    finally:
        if session is not None:
            # The network before its parser, which owns the weights.
            session.parser = None
            session.network = None
            session.builder = None
        if collecting:
            gc.enable()


def _start(flavour: Flavour) -> BuildSession:
    trt = flavour.trt
    log = make_log(trt)
    try:
        builder = trt.Builder(log)
    except (TypeError, RuntimeError) as error:
        raise EngineError(
            f"{flavour} cannot start here, {first_reason(log.errors)}: "
            "it needs an NVIDIA GPU and its driver, use --flavour tensorrt_rtx to build without"
        ) from error
    strong = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if strong is None else 1 << int(strong))
    return BuildSession(flavour, log, builder, network, trt.OnnxParser(network, log))


def parse(session: BuildSession, path: Path) -> None:
    """Read an ONNX file into the network; raises EngineError, naming the operator that is at fault."""
    good = session.parser.parse_from_file(str(path))
    if good and session.network.num_outputs and session.network.num_inputs:
        return
    fault = session.parser.get_error(0) if session.parser.num_errors else None
    if fault is None or not fault.node_operator():
        raise EngineError(f"'{path}' is no ONNX network or is damaged: export it again")
    # The first line repeats which node it is, or is a piece of the parser's source.
    details = fault.desc().splitlines()[1:]
    operator = f"{fault.node_operator()} (node {fault.node_name()!r})"
    raise EngineError(
        f"'{path}' cannot become an engine: {session.flavour} does not support its operator {operator}"
        f"{', ' + first_reason(details) if details else ''}; export it without"
    )


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
