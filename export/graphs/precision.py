"""Typed half-precision graphs: precision is part of the network, not a flag of the engine builder.

TensorRT 11 and TensorRT for RTX build strongly typed networks only: what the ONNX says is what runs.
"""

from __future__ import annotations

import copy

import torch

from amgan.runtime.errors import UsageError

from ..cases import generator_cases
from ..simplify import ExportGenerator
from .eight_bit import quantise

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "fp8": torch.float16}
"""PyTorch's type by precision; "fp8" is that of everything but the trunk's convolutions."""
CALIBRATION_SEED = 1

KEPT_FP32 = {
    "coordinates and atlas": "half precision is too coarse for positions on the face",
    "attention and change after the head": "errors of tanh and the products after it change code values",
    "blend and rounding": "a code value of 255.5 is not representable next to 255 in bf16",
    "estimator's output": "years are shown to users and compared across engines",
}
"""What stays in fp32 in half-precision graphs, and why."""


def generator_in(network: ExportGenerator, precision: str) -> ExportGenerator:
    """The generator with its convolutions in ``precision`` and its atlas in fp32.

    ``precision`` is "fp32", "fp16", "bf16" or "fp8": e4m3 in the trunk's 3x3 convolutions and fp16 elsewhere.
    Raises UsageError for another name.
    """
    typed = copy.deepcopy(network).to(dtype_of(precision))
    typed.atlas = copy.deepcopy(network.atlas)  # sampled in fp32
    if precision == "fp8":
        cases = generator_cases(CALIBRATION_SEED, network.halo_px, patterns=network.patterns)
        quantise(network, typed, cases)
    return typed


def dtype_of(precision: str) -> torch.dtype:
    """PyTorch's type for a precision by name. Raises UsageError, naming the valid ones."""
    if precision not in DTYPES:
        raise UsageError(f"there is no precision {precision!r}; choose one of {', '.join(DTYPES)}")
    return DTYPES[precision]
