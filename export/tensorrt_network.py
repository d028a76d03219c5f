"""ONNX to TensorRT's network: reading it, fixing its sizes, and configuring the builder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amgan.runtime.errors import EngineError

from .tensorrt_flavour import Flavour, current_target
from .tensorrt_log import first_reason, make_log
from .tensorrt_options import BuildOptions

MIB = 1 << 20


@dataclass
class Job:
    """TensorRT's objects of one build; the network borrows its weights from the parser, so it stays too."""

    flavour: Flavour
    log: Any
    builder: Any
    network: Any
    parser: Any

    def reason(self) -> str:
        """The first error of the build that explains something."""
        return first_reason(self.log.errors)


def start(flavour: Flavour) -> Job:
    """Begin a build with a strongly typed network; raises EngineError when TensorRT wants a GPU for it."""
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
    return Job(flavour, log, builder, network, trt.OnnxParser(network, log))


def parse(job: Job, path: Path) -> None:
    """Read an ONNX file into the network; raises EngineError, naming the operator that is at fault."""
    good = job.parser.parse_from_file(str(path))
    if good and job.network.num_outputs and job.network.num_inputs:
        return
    fault = job.parser.get_error(0) if job.parser.num_errors else None
    if fault is None or not fault.node_operator():
        raise EngineError(f"'{path}' is no ONNX network or is damaged: export it again")
    # The first line repeats which node it is, or is a piece of the parser's source.
    details = fault.desc().splitlines()[1:]
    operator = f"{fault.node_operator()} (node {fault.node_name()!r})"
    raise EngineError(
        f"'{path}' cannot become an engine: {job.flavour} does not support its operator {operator}"
        f"{', ' + first_reason(details) if details else ''}; export it without"
    )


def configure(job: Job, options: BuildOptions, targets: tuple[str, ...]) -> Any:
    """The builder's configuration; it also fixes the sizes of the network's inputs and leaves the batch open.

    Raises EngineError when the network's inputs are others, or the flavour refuses a target.
    """
    trt = job.flavour.trt
    config = job.builder.create_builder_config()
    config.add_optimization_profile(_fix_sizes(job, options))
    config.builder_optimization_level = options.level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)
    if options.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * MIB)
    if job.flavour.ahead:
        _set_targets(job, config, targets)
    file = options.timing_cache
    if file is not None and job.flavour.has_timing_cache:
        timings = config.create_timing_cache(file.read_bytes() if file.is_file() else b"")
        config.set_timing_cache(timings, False)
    return config


def _fix_sizes(job: Job, options: BuildOptions) -> Any:
    profile = job.builder.create_optimization_profile()
    inputs = [job.network.get_input(i) for i in range(job.network.num_inputs)]
    if {t.name for t in inputs} != set(options.inputs):
        found = ", ".join(t.name for t in inputs)
        raise EngineError(f"the network takes {found}, not {', '.join(options.inputs)}: export it again")
    for tensor in inputs:
        size = options.inputs[tensor.name]
        known = tuple(tensor.shape)[1:]
        if len(known) != len(size) or any(k not in (-1, s) for k, s in zip(known, size, strict=True)):
            raise EngineError(f"the network's input {tensor.name} has the shape {known}, it cannot be {size}")
        # With the sizes fixed TensorRT knows all shapes inside, so their arithmetic can be counted.
        tensor.shape = (-1, *size)
        profile.set_shape(tensor.name, *((n, *size) for n in options.batch))
    return profile


def _set_targets(job: Job, config: Any, targets: tuple[str, ...]) -> None:
    kinds = job.flavour.trt.ComputeCapability.__members__
    if targets == (current_target(),) and targets[0].upper() not in kinds:
        return
    config.num_compute_capabilities = len(targets)
    for number, target in enumerate(targets):
        if not config.set_compute_capability(kinds[target.upper()], number):
            reason = job.reason()
            raise EngineError(f"{job.flavour} refuses to build for {target}, {reason}: change --targets")
