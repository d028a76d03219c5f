"""Who is compared with the reference: every file of a bundle in every engine that can run it here."""

from __future__ import annotations

import copy
import importlib.util
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amgan.networks import Discriminator, Generator
from amgan.runtime.bundle.engine_files import FLAVOURS, FORMAT
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import CELL_PX, GENERATOR_INPUTS, TileBatch
from amgan.runtime.engines.cuda.api import load_cuda
from amgan.runtime.engines.cuda.arrays import ArrayRunner, CudaEngine
from amgan.runtime.engines.find import check_engine
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.openvino_network import cpu_has_bf16, last_line
from amgan.runtime.engines.tensorrt import TensorRtProgram, load_tensorrt
from amgan.runtime.errors import AmganError, MissingDependencyError
from amgan.runtime.pipeline.estimator import compile_estimator

from ..graphs.precision import dtype_of, generator_in
from ..simplify import simplify
from ..tensorrt.flavour import current_target

INPUTS = {"generator": GENERATOR_INPUTS, "estimator": ("image",)}
Array = NDArray[Any]
Run = Callable[[tuple[Array, ...]], Array]


class NotRun(AmganError):
    """A contender cannot be tried on this machine; the text says why."""


@dataclass(frozen=True, eq=False)
class Contender:
    """Something that claims to compute what the reference does; see Result for the fields.

    ``open`` gives the function from inputs to output; it raises NotRun where this machine cannot try it.
    """

    name: str
    role: str
    precision: str
    file: str
    arithmetic: str
    open: Callable[[], Run]


def contenders(
    folder: Path, files: Mapping[str, FileEntry], generator: Generator, discriminator: Discriminator
) -> Iterator[Contender]:
    """All contenders for the files of a bundle."""
    for name, entry in files.items():
        path = folder / name
        if entry.format == FORMAT:
            yield _tensorrt(path, name, entry)
        elif entry.format == "onnx":
            yield from _onnx(path, name, entry, generator.config.halo_px)
    half = {(e.role, e.precision) for e in files.values() if e.format == "onnx"}
    for role, precision in sorted(half):
        if precision != "fp32":
            yield _pytorch(role, precision, generator, discriminator)


def _onnx(path: Path, name: str, entry: FileEntry, halo_px: int) -> Iterator[Contender]:
    role, precision = entry.role, entry.precision
    # Neither computes in half on a CPU: OpenVINO widens the weights, ONNX Runtime every value it reads.
    widened = precision if precision == "fp32" else f"fp32, weights {precision}"
    if role == "estimator":
        yield Contender("OpenVINO", role, precision, name, widened, lambda: _openvino_estimator(path))
    else:
        fp32, bf16 = Precision.FP32, Precision.BF16
        yield Contender("OpenVINO", role, precision, name, widened, lambda: _openvino(path, halo_px, fp32))
        if precision == fp32:
            # What the runtime does where the CPU has bf16.
            yield Contender("OpenVINO", role, bf16, name, bf16, lambda: _openvino(path, halo_px, bf16))
    rounded = precision if precision == "fp32" else f"fp32, values stored in {precision}"
    yield Contender("ONNX Runtime", role, precision, name, rounded, lambda: _onnx_runtime(path, INPUTS[role]))


def _openvino(path: Path, halo_px: int, precision: Precision) -> Run:
    """The engine that users run, on this file."""
    if precision is Precision.BF16 and not cpu_has_bf16():
        raise NotRun("this CPU has no bf16")
    engine = OpenVinoEngine.of_file(path, halo_px, CELL_PX, precision)

    def run(arrays: tuple[Array, ...]) -> Array:
        return engine.wait(engine.submit(_tiles(arrays)))

    return run


def _tiles(arrays: tuple[Array, ...]) -> TileBatch:
    image, ages, places, pattern = arrays
    return TileBatch(image, ages, places, pattern, "the picture")


def _openvino_estimator(path: Path) -> Run:
    """The estimator as the pipeline compiles it."""
    model = compile_estimator(path)

    def run(arrays: tuple[Array, ...]) -> Array:
        try:
            return np.array(model(arrays)[0])
        except RuntimeError as error:
            raise AmganError(f"OpenVINO failed: {last_line(error)}") from error

    return run


def _onnx_runtime(path: Path, names: tuple[str, ...]) -> Run:
    if importlib.util.find_spec("onnxruntime") is None:
        raise NotRun("onnxruntime is not installed")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except state.NotImplemented as error:
        reason = str(error).rpartition("NOT_IMPLEMENTED : ")[2].partition(" node")[0]
        raise NotRun(f"ONNX Runtime has no such operator for CPUs ({reason})") from error
    except Exception as error:
        raise AmganError(f"ONNX Runtime cannot load it: {last_line(error)}") from error

    def run(arrays: tuple[Array, ...]) -> Array:
        try:
            found: Array = session.run(None, dict(zip(names, arrays, strict=True)))[0]
        except Exception as error:
            raise AmganError(f"ONNX Runtime failed: {last_line(error)}") from error
        return found

    return run


def _pytorch(role: str, precision: str, generator: Generator, discriminator: Discriminator) -> Contender:
    """PyTorch with its convolutions in half precision: what such arithmetic does, as a GPU would."""

    def open_it() -> Run:
        network: torch.nn.Module
        if role == "generator":
            network = generator_in(simplify(generator)[0], precision)
        else:
            network = _HalfEstimator(discriminator, dtype_of(precision))

        def run(arrays: tuple[Array, ...]) -> Array:
            with torch.inference_mode():
                found: Array = network(*(torch.from_numpy(a) for a in arrays)).numpy()
            return found

        return run

    return Contender("PyTorch", role, precision, "", precision, open_it)


class _HalfEstimator(torch.nn.Module):
    """The estimator as emit_estimator writes it: convolutions in half precision, ages in fp32."""

    def __init__(self, discriminator: Discriminator, dtype: torch.dtype) -> None:
        super().__init__()
        self.discriminator = copy.deepcopy(discriminator).to(dtype)
        self.dtype = dtype

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scaled = image.to(self.dtype).permute(0, 3, 1, 2) * (1.0 / 127.5) - 1.0
        return self.discriminator.estimate(scaled)


def _tensorrt(path: Path, name: str, entry: FileEntry) -> Contender:
    assert entry.build is not None
    flavour = FLAVOURS[entry.build.flavour]
    return Contender(
        flavour, entry.role, entry.precision, name, entry.precision, lambda: open_tensorrt(path, entry)
    )


def open_tensorrt(path: Path, entry: FileEntry) -> Run:
    """Open a TensorRT engine for comparison, on the first GPU; pictures may be of any size.

    Raises NotRun where there is no GPU or TensorRT, or none that the engine is for, EngineError otherwise.
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
    gpu = cuda.gpus()[0].number
    cuda.use(gpu)
    program = TensorRtProgram(cuda, path, entry)
    names = INPUTS[entry.role]
    opened: CudaEngine | ArrayRunner
    if entry.role == "generator":
        halo = (program.inputs["image"].shape[0] - program.outputs["aged"].shape[0]) // 2
        opened = engine = CudaEngine(cuda, gpu, program, halo)

        def run(arrays: tuple[Array, ...]) -> Array:
            return engine.wait(engine.submit(_tiles(arrays)))
    else:
        opened = runner = ArrayRunner(cuda, gpu, program)

        def run(arrays: tuple[Array, ...]) -> Array:
            (found,) = runner.run(dict(zip(names, arrays, strict=True))).values()
            return found

    # The next engine needs the memory, and nothing says when the comparison is over.
    weakref.finalize(run, opened.close)
    return run
