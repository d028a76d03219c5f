"""Opens a bundle's ONNX generator in PyTorch on a GPU, for GPUs without a matching TensorRT engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle.precision import Precision
from ..errors import EngineError, MissingDependencyError
from .cuda.program import CORES, generator_tensors
from .cuda.torch_gpu import TorchCuda
from .torch_program import TorchProgram

if TYPE_CHECKING:
    from ..bundle.bundle import Bundle

SPADE = "AMGAN_SPADE"
"""Environment variable: "fused" computes SPADE in the kernels of the preceding convolutions; "fp8" does so
with the bundle's network in fp8."""
INSTALL = "pip install 'torch==2.13.0'"
FUSED_PX = 32
_HALF_SINCE = {Precision.FP16: 70, Precision.BF16: 80, Precision.FP8: 89}


def load_torch() -> Any:
    """Import PyTorch; raises MissingDependencyError without it, EngineError if it cannot use a GPU."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the PyTorch engine needs the package torch, which is not installed: {INSTALL}"
        ) from error
    if not torch.cuda.is_available():
        why = (
            "it is a build for the CPU only"
            if torch.version.cuda is None
            else "it finds no GPU that it supports"
        )
        raise EngineError(
            f"PyTorch {torch.__version__} cannot use a GPU here, {why}: "
            f"{INSTALL.replace('install', 'install --force-reinstall')}, or use device 'cpu'"
        )
    return torch


def choose_file(bundle: Bundle, precision: Precision) -> tuple[Path, bool]:
    """The bundle's ONNX generator for a precision, and whether the file already has that precision.

    Raises BundleError for fp8 if the bundle has no such file, since it is not made of another one.
    """
    named = {
        e.precision: n
        for n, e in bundle.manifest.files.items()
        if (e.role, e.format) == ("generator", "onnx")
    }
    if precision is Precision.FP8:
        return bundle.file("generator", precision), True
    if precision in named:
        return bundle.path / named[precision], True
    return bundle.file("generator", Precision.FP32), False


def choose_precision(precision: Precision | None, compute: int) -> Precision:
    """The precision for a GPU of a compute capability (86 is 8.6); None selects the fastest.

    Raises EngineError for a precision that the GPU does not support.
    """
    if precision is None:
        return Precision.FP16 if compute >= _HALF_SINCE[Precision.FP16] else Precision.FP32
    if compute < _HALF_SINCE.get(precision, 0):
        raise EngineError(f"this GPU (sm{compute}) is not made for {precision}: use precision fp32")
    return precision


def open_torch(
    bundle: Bundle,
    gpu: int,
    compute: int,
    precision: Precision | None,
    *,
    graphs: bool = True,
    fused: bool | None = None,
) -> list[TorchProgram]:
    """Open the bundle's generator on a GPU of a compute capability (86 is 8.6), largest tiles first.

    Without a file of the precision, the convolutions of the fp32 file are computed in it. ``fused`` computes
    SPADE in the kernels of the preceding convolutions (None: if AMGAN_SPADE is "fused"), as fp8 always does.
    Raises BundleError, EngineError and MissingDependencyError.
    """
    load_torch()
    said = os.environ.get(SPADE)
    used = choose_precision(Precision.FP8 if precision is None and said == "fp8" else precision, compute)
    path, typed = choose_file(bundle, used)
    manifest = bundle.manifest
    largest = open_file(
        path, gpu, used, typed=typed, halo_px=manifest.halo_px, patterns=manifest.patterns,
        largest_px=manifest.max_frame_px, graphs=graphs,
        fused=said == "fused" if fused is None else fused,
    )  # fmt: skip
    return largest.sizes()


def open_file(
    path: Path, gpu: int, used: Precision, *, typed: bool, halo_px: int, patterns: int,
    largest_px: int = max(CORES[-1]), graphs: bool = True, fused: bool = False,
) -> TorchProgram:  # fmt: skip
    """Open an ONNX generator on a GPU for the largest tiles that fit; see open_torch.

    ``typed``: the file already has the precision ``used``; otherwise its convolutions are computed in it. If
    ``fused`` is not available or gives other pixels, the log says so. Raises EngineError and
    MissingDependencyError.
    """
    torch = load_torch()
    from .onnx_graph import OnnxNetwork

    dtypes = {Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}
    cuda = TorchCuda(torch, gpu)
    network = OnnxNetwork(path, cuda.device, None if typed else dtypes.get(used))
    if fused or used is Precision.FP8:
        from .spade_fused import fused_or_not

        operators = network
        network = fused_or_not(network, _probe(torch, cuda.device, halo_px, patterns))
        if network is operators and used is Precision.FP8:
            raise EngineError(
                f"'{path}' cannot be computed in fp8 here, for the reason in the warning: use precision fp16"
            )
    return TorchProgram(cuda, network, used, halo_px, patterns, largest_px=largest_px, graphs=graphs)


def _probe(torch: Any, device: Any, halo_px: int, patterns: int) -> tuple[Any, ...]:
    """Random inputs of the generator on a device, for a comparison of two networks."""
    inputs, _ = generator_tensors((FUSED_PX, FUSED_PX), halo_px, patterns)
    random = torch.Generator().manual_seed(0)
    made = {n: torch.rand((1, *t.shape), generator=random) for n, t in inputs.items()}
    made["image"] = (255 * made["image"]).to(torch.uint8)
    made["aging_map"] = 80 * made["aging_map"] - 40
    made["pattern"] = made["pattern"] / made["pattern"].sum()
    return tuple(tensor.to(device) for tensor in made.values())
