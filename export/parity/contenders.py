"""Lists the contenders of a parity check: every file of a bundle in every engine that runs here."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from amgan.networks import Discriminator, Generator
from amgan.runtime.bundle.engine_files import FORMAT
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.avx2 import Avx2Engine
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.openvino_network import cpu_has_bf16, last_line
from amgan.runtime.errors import AmganError
from amgan.runtime.pipeline.estimator import compile_estimator

from ..graphs.precision import dtype_of, generator_in
from ..simplify import simplify
from .contender import INPUTS, Array, Contender, NotRun, Run, as_tiles
from .on_gpu import pytorch_cuda, tensorrt


def contenders(
    folder: Path, files: Mapping[str, FileEntry], generator: Generator, discriminator: Discriminator
) -> Iterator[Contender]:
    """All contenders for the files of a bundle."""
    for name, entry in files.items():
        path = folder / name
        if entry.format == FORMAT:
            yield tensorrt(path, name, entry)
        elif entry.format == "onnx":
            yield from _onnx(path, name, entry, generator.config.halo_px)
            if entry.role == "generator":
                yield from pytorch_cuda(path, name, entry, generator.config)
    half = {(e.role, e.precision) for e in files.values() if e.format == "onnx"}
    for role, precision in sorted(half):
        if precision != "fp32":
            yield _pytorch(role, precision, generator, discriminator)


def _onnx(path: Path, name: str, entry: FileEntry, halo_px: int) -> Iterator[Contender]:
    role, precision = entry.role, entry.precision
    # Neither computes in half on a CPU: OpenVINO widens the weights, ONNX Runtime every value it reads.
    widened = _on_cpu(precision, f"weights {precision}")
    if role == "estimator":
        yield Contender("OpenVINO", role, precision, name, widened, lambda: _openvino_estimator(path))
    else:
        fp32, bf16 = Precision.FP32, Precision.BF16
        yield Contender("OpenVINO", role, precision, name, widened, lambda: _openvino(path, halo_px, fp32))
        if precision == fp32:
            # What the runtime does where the CPU has bf16.
            yield Contender("OpenVINO", role, bf16, name, bf16, lambda: _openvino(path, halo_px, bf16))
            # And where it has AVX2 and neither bf16 nor AVX-512.
            yield Contender("AVX2", role, precision, name, precision, lambda: _avx2(path, halo_px))
    rounded = _on_cpu(precision, f"values stored in {precision}")
    yield Contender("ONNX Runtime", role, precision, name, rounded, lambda: _onnx_runtime(path, INPUTS[role]))


def _on_cpu(precision: str, but: str) -> str:
    """What a CPU computes a file of a precision in; the rounding to fp8 is part of the file."""
    if precision == "fp32":
        return precision
    return "fp32, convolutions of the blocks rounded to fp8" if precision == "fp8" else f"fp32, {but}"


def _openvino(path: Path, halo_px: int, precision: Precision) -> Run:
    """The runtime's OpenVINO engine with this file."""
    if precision is Precision.BF16 and not cpu_has_bf16():
        raise NotRun("this CPU has no bf16")
    engine = OpenVinoEngine.of_file(path, halo_px, CELL_PX, precision)

    def run(arrays: tuple[Array, ...]) -> Array:
        return engine.wait(engine.submit(as_tiles(arrays)))

    return run


def _avx2(path: Path, halo_px: int) -> Run:
    """The runtime's engine for CPUs with AVX2 with this file."""
    engine = Avx2Engine.of_file(path, halo_px)
    if engine is None:
        raise NotRun("this CPU has no AVX2, the extension is not built, or the graph is not simplified")

    def run(arrays: tuple[Array, ...]) -> Array:
        return engine.wait(engine.submit(as_tiles(arrays)))

    return run


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
    """PyTorch with its convolutions in half precision: the effect of the arithmetic alone."""

    def open_it() -> Run:
        network: torch.nn.Module
        if role == "generator":
            network = generator_in(simplify(generator), precision)
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
