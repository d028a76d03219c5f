"""Contenders on a GPU: TensorRT engines, and the generator in PyTorch on CUDA."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from amgan.networks.config import GeneratorConfig
from amgan.runtime.bundle.engine_files import FLAVOURS
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.cuda.api import load_cuda
from amgan.runtime.engines.cuda.arrays import ArrayRunner, CudaEngine
from amgan.runtime.engines.find import check_engine
from amgan.runtime.engines.pytorch import choose_precision, load_torch, open_file
from amgan.runtime.engines.tensorrt import TensorRtProgram
from amgan.runtime.engines.tensorrt_library import load_tensorrt
from amgan.runtime.errors import AmganError, MissingDependencyError

from ..tensorrt.flavour import current_target
from .contender import INPUTS, Array, Contender, NotRun, Run, as_tiles

CUDA_LARGEST_PX = 176
"""Largest side in px of the tiles that PyTorch is compared on."""


def tensorrt(path: Path, name: str, entry: FileEntry) -> Contender:
    """The contender of a TensorRT engine."""
    assert entry.build is not None
    flavour = FLAVOURS[entry.build.flavour]
    return Contender(
        flavour, entry.role, entry.precision, name, entry.precision, lambda: open_tensorrt(path, entry)
    )


def open_tensorrt(path: Path, entry: FileEntry) -> Run:
    """Open a TensorRT engine on the first GPU, for pictures of any size.

    Raises NotRun where GPU or TensorRT is missing or does not match the engine, EngineError otherwise.
    """
    here = current_target()
    if here is None:
        raise NotRun("there is no NVIDIA GPU in this machine")
    assert entry.build is not None
    try:
        cuda, trt = load_cuda(), load_tensorrt(entry.build.flavour)
    except MissingDependencyError as error:
        raise NotRun(str(error)) from error
    reason = check_engine(entry, entry.build.flavour, str(trt.__version__), int(here.removeprefix("sm")))
    if reason is not None:
        raise NotRun(reason)
    first = cuda.gpus()[0]
    gpu = first.number
    cuda.use(gpu)
    program = TensorRtProgram(cuda, path, entry, gpu=first)
    names = INPUTS[entry.role]
    opened: CudaEngine | ArrayRunner
    if entry.role == "generator":
        halo = (program.inputs["image"].shape[0] - program.outputs["aged"].shape[0]) // 2
        opened = engine = CudaEngine(cuda, gpu, program, halo)

        def run(arrays: tuple[Array, ...]) -> Array:
            return engine.wait(engine.submit(as_tiles(arrays)))
    else:
        opened = runner = ArrayRunner(cuda, gpu, program)

        def run(arrays: tuple[Array, ...]) -> Array:
            (found,) = runner.run(dict(zip(names, arrays, strict=True))).values()
            return found

    # The next engine needs the memory, and nothing says when the comparison is over.
    weakref.finalize(run, opened.close)
    return run


def pytorch_cuda(path: Path, name: str, entry: FileEntry, config: GeneratorConfig) -> Iterator[Contender]:
    """PyTorch on CUDA: the file in its own precision, and an fp32 file in fp16 as well."""
    own = Precision.parse(entry.precision)
    for used in dict.fromkeys((own, Precision.FP16) if own is Precision.FP32 else (own,)):
        yield Contender(
            "PyTorch CUDA", "generator", used, name, used,
            partial(open_pytorch_cuda, path, own, used, config),
        )  # fmt: skip


def open_pytorch_cuda(path: Path, own: Precision, used: Precision, config: GeneratorConfig) -> Run:
    """Open an ONNX generator in PyTorch on the first GPU, for pictures of any size.

    Raises NotRun where the GPU, a PyTorch for it or its support of the precision is missing, EngineError
    where opening fails.
    """
    if current_target() is None:
        raise NotRun("there is no NVIDIA GPU in this machine")
    cuda = load_cuda()
    gpu = cuda.gpus()[0]
    try:
        load_torch()
        choose_precision(used, gpu.compute)
    except AmganError as error:
        raise NotRun(str(error)) from error
    cuda.use(gpu.number)
    program = open_file(
        path, gpu.number, used, typed=own is used, halo_px=config.halo_px, patterns=config.patterns,
        largest_px=CUDA_LARGEST_PX,
    )  # fmt: skip
    engine = CudaEngine(cuda, gpu.number, program, config.halo_px)

    def run(arrays: tuple[Array, ...]) -> Array:
        return engine.wait(engine.submit(as_tiles(arrays)))

    weakref.finalize(run, engine.close)
    return run
