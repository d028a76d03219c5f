"""Sessions of TensorRT's builder: its objects, and an ONNX file as its network."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import EngineError
from .tensorrt_library import Library, first_reason, make_log

Flavour = TypeVar("Flavour", bound=Library)


@dataclass
class BuildSession(Generic[Flavour]):
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
def building(flavour: Flavour) -> Iterator[BuildSession[Flavour]]:
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


def _start(flavour: Flavour) -> BuildSession[Flavour]:
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


def parse(session: BuildSession[Any], path: Path) -> None:
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
