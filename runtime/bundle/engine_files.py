"""Build records of TensorRT engines in a bundle. Does not need TensorRT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT = "tensorrt"
FLAVOURS: Mapping[str, str] = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
"""Import names and product names of the TensorRT flavours."""

PORTABLE = "hardware_compatibility"
"""The build option of engines that run on every GPU generation from Ampere on."""
AMPERE = 80
TARGET = re.compile(r"sm\d{2,3}")


@dataclass(frozen=True)
class EngineProfile:
    """The sizes an engine takes: ``batch`` is min, optimum and max N; ``inputs`` are shapes without N."""

    batch: tuple[int, int, int]
    inputs: Mapping[str, tuple[int, ...]]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the input tiles in px, halo included."""
        height, width = self.inputs["image"][:2]
        return width, height


@dataclass(frozen=True)
class EngineBuild:
    """How an engine was built.

    ``flavour`` is TensorRT's import name and ``version`` its full version; ``targets`` are the generations of
    GPUs it runs on ("sm86", ...); ``onnx_sha256`` is the hash of the ONNX file it came from; ``options`` are
    the builder's; ``half_share`` is the share of the convolutions' arithmetic in half precision (0..1), and
    ``checked`` says where it was read: "network", or "network and engine" if a GPU could load the engine.
    """

    flavour: str
    version: str
    targets: tuple[str, ...]
    onnx_sha256: str
    profile: EngineProfile
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    half_share: float = 0.0
    checked: str = "network"
