"""The choice of the engine that runs a bundle on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..bundle.engine_files import FLAVOURS, FORMAT
from ..bundle.precision import Precision
from ..errors import AmganError, EngineError, UsageError
from .contract import Capabilities, Engine
from .cuda.api import Cuda, GpuInfo, load_cuda
from .find import find_engines
from .gpus import check_device, find_gpus, takes_one
from .scheduler.device import TileDevice
from .scheduler.host import HostTileDevice

if TYPE_CHECKING:
    from ..bundle.bundle import Bundle
    from .cuda.program import CudaProgram

_LOG = logging.getLogger(__name__)
STREAMS = "AMGAN_STREAMS"
"""Environment variable: the number of compute streams of a GPU."""
MAX_STREAMS = 4


@dataclass(frozen=True, eq=False)
class Choice:
    """A generator on a GPU: the GPU, one program per tile size, and the reason for the choice."""

    cuda: Cuda
    gpu: GpuInfo
    programs: Sequence[CudaProgram]
    reason: str

    @property
    def tile_shapes(self) -> set[tuple[int, ...]]:
        """Height, width and channels of the programs' input tiles, halo included."""
        return {program.inputs["image"].shape for program in self.programs}

    def close(self) -> None:
        """Close the programs."""
        for program in self.programs:
            program.close()


def may_use_gpu(device: str) -> bool:
    """Whether a GPU may run what is opened on a valid device: not for "cpu", nor where CUDA finds none."""
    if device != "auto":
        return device != "cpu"
    try:
        return bool(find_gpus(load_cuda(), device))
    except AmganError:
        return False


def choose_devices(bundle: Bundle, device: str, precision: Precision | None) -> list[TileDevice]:
    """Open devices with the bundle's generator; arguments and errors as of open_scheduler."""
    check_device(device)
    if device == "cpu":
        return [_on_cpu(bundle, precision, "")]
    try:
        return _on_gpus(bundle, device, precision)
    except AmganError as error:
        if device != "auto":
            raise _refusal(device, error) from error
        found = _on_cpu(bundle, precision, f"no GPU can be used: {error}")
        _say(found.capabilities)
        return [found]


def choose_programs(bundle: Bundle, device: str, precision: Precision | None) -> list[Choice]:
    """Open the bundle's generator on the GPUs of a device, with the fastest engine for each; see find_gpus.

    All share at least one tile size. A GPU that cannot be used is skipped with a warning if there is another.
    Raises EngineError, which says what is missing, if there is none.
    """
    cuda = load_cuda()
    choices: list[Choice] = []
    reasons: list[str] = []
    for gpu in find_gpus(cuda, device):
        cuda.use(gpu.number)
        try:
            choice = _choose_program(bundle, cuda, gpu, precision)
            if choices and not set.intersection(
                choice.tile_shapes, *(other.tile_shapes for other in choices)
            ):
                choice.close()
                raise EngineError(f"its tiles would be of another size than those of {choices[0].gpu.name}")
        except AmganError as error:
            reasons.append(f"cuda:{gpu.number}, {gpu.name} (sm{gpu.compute}), cannot be used, {error}")
        else:
            choices.append(choice)
            if takes_one(device):
                break
    if not choices:
        raise EngineError("; ".join(reasons))
    for reason in reasons:
        _LOG.warning("%s", reason)
    return choices


def compute_streams() -> int:
    """The number of compute streams of a GPU: that of AMGAN_STREAMS, otherwise 1; raises UsageError."""
    said = os.environ.get(STREAMS) or "1"
    if said.isdecimal() and 1 <= int(said) <= MAX_STREAMS:
        return int(said)
    raise UsageError(
        f"{STREAMS} is {said!r}: give a number of compute streams from 1 to {MAX_STREAMS}, or leave it out"
    )


def _on_gpus(bundle: Bundle, device: str, precision: Precision | None) -> list[TileDevice]:
    from .cuda.device import CudaTileDevice

    choices = choose_programs(bundle, device, precision)
    opened: list[TileDevice] = []
    try:
        for choice in choices:
            opened.append(
                CudaTileDevice(
                    choice.cuda,
                    choice.gpu.number,
                    choice.programs,
                    bundle.manifest.halo_px,
                    streams=compute_streams(),
                    reason=choice.reason,
                )
            )
    except AmganError:
        for one in opened:
            with contextlib.suppress(AmganError):
                one.close()
        raise
    for one in opened:
        _say(one.capabilities)
    return opened


def _on_cpu(bundle: Bundle, precision: Precision | None, reason: str) -> HostTileDevice:
    """The fastest engine; with a ``precision`` OpenVINO, which other engines are compared with."""
    from .avx2 import Avx2Engine, is_best
    from .openvino import OpenVinoEngine
    from .openvino_network import cpu_has_bf16

    engine: Engine | None = None
    if precision is None and is_best() and not cpu_has_bf16():
        engine = Avx2Engine.of_bundle(bundle)
    return HostTileDevice(engine or OpenVinoEngine(bundle, precision), bundle.manifest.halo_px, reason)


def _refusal(device: str, error: AmganError) -> AmganError:
    """The error for a requested GPU that cannot be used."""
    return (
        error if isinstance(error, UsageError) else EngineError(f"device '{device}' cannot be had, {error}")
    )


def _say(chosen: Capabilities) -> None:
    reason = f", {chosen.reason}" if chosen.reason else ""
    _LOG.info("using %s on %s in %s%s", chosen.name, chosen.device, chosen.precision, reason)


def _choose_program(bundle: Bundle, cuda: Cuda, gpu: GpuInfo, precision: Precision | None) -> Choice:
    """Open the fastest engine for a GPU: TensorRT if the bundle has a matching one, otherwise PyTorch."""
    why_not = []
    for flavour in FLAVOURS:
        try:
            programs = _open_tensorrt(bundle, cuda, gpu, flavour, precision)
        except AmganError as error:
            why_not.append(f"{FLAVOURS[flavour]}: {error}")
        else:
            return Choice(cuda, gpu, programs, f"as the bundle has an engine that fits {gpu.name}")
    try:
        from .pytorch import open_torch

        torch_programs = open_torch(bundle, gpu.number, gpu.compute, precision)
    except AmganError as error:
        why_not.append(f"PyTorch: {error}")
        raise EngineError("; ".join(why_not)) from error
    return Choice(cuda, gpu, torch_programs, f"as no TensorRT can be used ({'; '.join(why_not)})")


def _open_tensorrt(
    bundle: Bundle, cuda: Cuda, gpu: GpuInfo, flavour: str, precision: Precision | None
) -> list[CudaProgram]:
    """Open the bundle's engines of a flavour that fit a GPU, one per tile size; raises EngineError."""
    from .cuda.program import check_generator
    from .tensorrt import TensorRtProgram
    from .tensorrt_library import load_tensorrt

    entries = bundle.manifest.files.values()
    if not any(e.format == FORMAT and e.build and e.build.flavour == flavour for e in entries):
        raise EngineError("the bundle has no engine for it")
    if importlib.util.find_spec(flavour) is None:
        raise EngineError("it is not installed")
    version = str(load_tensorrt(flavour).__version__)
    opened: list[CudaProgram] = []
    try:
        for path, entry in find_engines(
            bundle, "generator", flavour, version, gpu.compute, precision=precision
        ):
            opened.append(TensorRtProgram(cuda, path, entry, gpu=gpu))
            fault = check_generator(opened[-1], bundle.manifest.halo_px, bundle.manifest.patterns)
            if fault is not None:
                raise EngineError(f"'{path}' is no generator of this bundle, {fault}: build it again")
    except AmganError:
        for program in opened:
            program.close()
        raise
    return opened
