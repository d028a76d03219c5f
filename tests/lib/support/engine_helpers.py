"""Tiny networks and bundles to build TensorRT engines from, and entries of engines that never were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from amgan.runtime.bundle.bundle import write_manifest
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.files import file_sha256
from support.helpers import (
    FLOAT,
    FRAME_PX,
    HALO,
    INT64,
    PATTERNS,
    UINT8,
    Graph,
    tiny_manifest,
    write_tiny_bundle,
)

HALF = TensorProto.FLOAT16
TYPES = {np.float16: HALF, np.float32: FLOAT}
GPUS = ("sm86", "sm89", "sm120")
RTX = ("tensorrt_rtx", "1.7.1.116")


def _weights(g: Graph, shape: tuple[int, ...], kind: type) -> str:
    return g.const(np.random.default_rng(0).normal(0, 0.1, shape), kind)


def _picture(g: Graph, kind: type) -> str:
    return g("Transpose", g("Cast", "image", to=TYPES[kind]), perm=[0, 3, 1, 2])


def write_conv_generator(
    path: Path, kind: type = np.float16, light: type | None = None, extra: str = ""
) -> Path:
    """A generator that keeps the contract: a heavy convolution of type ``kind``, a light one of ``light``.

    ``extra`` names an operator that is put at its end.
    """
    light = light or kind
    g = Graph()
    x = g("Conv", _picture(g, kind), _weights(g, (32, 3, 3, 3), kind), pads=[1, 1, 1, 1])
    x = g("Conv", g("Relu", x), _weights(g, (3, 32, 3, 3), kind), pads=[1, 1, 1, 1])
    x = g("Conv", g("Cast", x, to=TYPES[light]), _weights(g, (3, 3, 1, 1), light))
    x = g("Cast", x, to=FLOAT)
    ends = [g.const([n, n], np.int64) for n in (HALO, -HALO)]
    x = g("Slice", x, *ends, g.const([2, 3], np.int64))
    years = g("ReduceMean", "aging_map", axes=[1, 2, 3], keepdims=1)
    place = g("ReduceMean", "coordinates", axes=[1, 2, 3], keepdims=1)
    mixed = g("Reshape", g("ReduceMean", "pattern", axes=[1]), g.const([-1, 1, 1, 1], np.int64))
    place = g("Add", place, mixed)
    x = g("Clip", g("Round", g("Add", x, g("Add", years, place))), g.const(0.0), g.const(255.0))
    if extra:
        x = g(extra, x)
    g("Cast", g("Transpose", x, perm=[0, 2, 3, 1]), out="aged", to=UINT8)
    inputs = [
        ("image", UINT8, ["N", "H", "W", 3]),
        ("aging_map", FLOAT, ["N", 1, "h", "w"]),
        ("coordinates", FLOAT, ["N", 4, "h", "w"]),
        ("pattern", FLOAT, ["N", PATTERNS]),
    ]
    g.save(path, inputs, [("aged", UINT8, ["N", "Hc", "Wc", 3])])
    return path


def write_conv_estimator(path: Path, kind: type = np.float16, channels: int = 1) -> Path:
    """An estimator that keeps the contract, of one convolution."""
    g = Graph()
    x = g("Conv", _picture(g, kind), _weights(g, (channels, 3, 16, 16), kind), strides=[16, 16])
    g("Cast", x, out="ages", to=FLOAT)
    side = FRAME_PX
    g.save(path, [("image", UINT8, ["N", side, side, 3])], [("ages", FLOAT, ["N", channels, "h", "w"])])
    return path


def write_uint8_transpose(path: Path) -> Path:
    """A network that transposes uint8, which TensorRT for RTX refuses."""
    g = Graph()
    g("Cast", g("Transpose", "image", perm=[0, 3, 1, 2]), out="out", to=INT64)
    g.save(path, [("image", UINT8, ["N", 8, 8, 3])], [("out", INT64, ["N", 3, 8, 8])])
    return path


def write_half_bundle(folder: Path) -> Path:
    """The tiny bundle with fp16 ONNX files beside its fp32 ones."""
    write_tiny_bundle(folder)
    write_conv_generator(folder / "generator.fp16.onnx")
    write_conv_estimator(folder / "estimator.fp16.onnx")
    content = tiny_manifest(folder)
    for role in ("generator", "estimator"):
        name = f"{role}.fp16.onnx"
        content["files"][name] = {
            "role": role,
            "format": "onnx",
            "precision": "fp16",
            "sha256": file_sha256(folder / name),
        }
    write_manifest(folder, Manifest.from_dict(content))
    return folder


def engine_content(file: Path, **changes: object) -> dict:
    """What manifest.json says of an engine file; ``changes`` replace parts of its build."""
    build = {
        "flavour": RTX[0],
        "version": RTX[1],
        "targets": list(GPUS),
        "onnx_sha256": "ab",
        "profile": {
            "batch": [1, 4, 8],
            "inputs": {
                "image": [368, 368, 3],
                "aging_map": [1, 92, 92],
                "coordinates": [4, 92, 92],
                "pattern": [PATTERNS],
            },
        },
        "options": {"precision": "fp16", "level": 3},
        "half_share": 0.998,
        "checked": "network",
    }
    return {
        "role": "generator",
        "format": "tensorrt",
        "precision": "fp16",
        "sha256": file_sha256(file),
        "build": {**build, **changes},
    }


def write_fake_engine_bundle(folder: Path, **changes: object) -> Path:
    """The tiny bundle with an engine in name only, and a parity report."""
    write_tiny_bundle(folder)
    (folder / "generator.engine").write_bytes(b"no real plan")
    content = tiny_manifest(folder)
    content["files"]["generator.engine"] = engine_content(folder / "generator.engine", **changes)
    content["parity"] = {"generator": {"max_codes": 1, "mean_codes": 0.0123}, "judged_by": "OpenVINO"}
    write_manifest(folder, Manifest.from_dict(content))
    return folder
