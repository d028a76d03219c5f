"""A tiny bundle whose two networks keep the contract, for tests that need no trained model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from amgan.runtime.bundle.bundle import write_manifest
from amgan.runtime.bundle.manifest import SCHEMA, Manifest
from amgan.runtime.files import file_sha256
from amgan.runtime.photo.data import Photo

HALO = 8
FRAME_PX = 64
PATTERNS = 3
GRID = FRAME_PX // 16
FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
ROOT = Path(__file__).parents[3]
HOPPER = ROOT / "samples" / "grace_hopper.jpg"
COLLINS = ROOT / "samples" / "eileen_collins.png"


def without_its_file(photo: Photo) -> Photo:
    """The photo as if its file had changed since: it is encoded again, whatever its pixels are."""
    return replace(photo, stamp=None)


class Graph:
    """Collects the nodes of a small ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        name = out or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def const(self, value: object, dtype: type = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def save(self, path: Path, inputs: list, outputs: list) -> None:
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info(*i) for i in inputs],
            [helper.make_tensor_value_info(*o) for o in outputs],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        onnx.save(model, str(path))


def write_generator(path: Path, halo: int = HALO) -> None:
    """aged = core + map * (0.5 + (core - blur over the halo) / 64 + 0.1 * (u + 1) + 0.05 * second
    pattern).

    So a map of 0 changes nothing, and every pixel depends on the map, the whole halo, its place and the
    pattern.
    """
    g = Graph()
    image = g("Transpose", g("Cast", "image", to=FLOAT), perm=[0, 3, 1, 2])
    starts, ends, axes = (
        g.const([halo, halo], np.int64),
        g.const([-halo, -halo], np.int64),
        g.const([2, 3], np.int64),
    )
    core = g("Slice", image, starts, ends, axes)
    blur = g("AveragePool", image, kernel_shape=[2 * halo + 1] * 2)
    scales = g.const([1, 1, 4, 4])
    years = g("Resize", "aging_map", "", scales, mode="nearest", nearest_mode="floor",
              coordinate_transformation_mode="asymmetric")  # fmt: skip
    older = g("Slice", years, starts, ends, axes)
    u = g("Slice", "coordinates", g.const([0], np.int64), g.const([1], np.int64), g.const([1], np.int64))
    u = g("Resize", u, "", scales, mode="nearest", nearest_mode="floor",
          coordinate_transformation_mode="asymmetric")  # fmt: skip
    place = g("Mul", g("Add", g("Slice", u, starts, ends, axes), g.const(1.0)), g.const(0.1))
    second = g("Gather", "pattern", g.const(1, np.int64), axis=1)
    second = g("Reshape", g("Mul", second, g.const(0.05)), g.const([-1, 1, 1, 1], np.int64))
    detail = g("Mul", g("Sub", core, blur), g.const(1 / 64))
    gain = g("Add", g("Add", detail, g("Add", place, second)), g.const(0.5))
    aged = g("Add", core, g("Mul", older, gain))
    code = g("Clip", g("Round", aged), g.const(0.0), g.const(255.0))
    g("Cast", g("Transpose", code, perm=[0, 2, 3, 1]), out="aged", to=UINT8)
    g.save(
        path,
        [
            ("image", UINT8, ["N", "H", "W", 3]),
            ("aging_map", FLOAT, ["N", 1, "h", "w"]),
            ("coordinates", FLOAT, ["N", 4, "h", "w"]),
            ("pattern", FLOAT, ["N", PATTERNS]),
        ],
        [("aged", UINT8, ["N", "Hc", "Wc", 3])],
    )


def write_estimator(path: Path, offset: float = 20.0) -> None:
    """ages = offset + 40 * brightness of each cell."""
    g = Graph()
    image = g("Transpose", g("Cast", "image", to=FLOAT), perm=[0, 3, 1, 2])
    grey = g("ReduceMean", image, axes=[1], keepdims=1)
    cells = g("AveragePool", grey, kernel_shape=[16, 16], strides=[16, 16])
    g("Add", g("Mul", cells, g.const(40 / 255)), g.const(offset), out="ages")
    g.save(path, [("image", UINT8, ["N", "H", "W", 3])], [("ages", FLOAT, ["N", 1, "h", "w"])])


def tiny_manifest(folder: Path) -> dict:
    """What manifest.json says of a folder that holds the two networks."""
    tensors = {"inputs": [], "outputs": []}
    files = {
        f"{role}.onnx": {
            "role": role,
            "format": "onnx",
            "precision": "fp32",
            "sha256": file_sha256(folder / f"{role}.onnx"),
        }
        for role in ("generator", "estimator")
    }
    return {
        "schema": SCHEMA,
        "model": "tiny",
        "version": "1.0",
        "canonical_px": 256,
        "min_frame_px": 128,
        "max_frame_px": 256,
        "halo_px": HALO,
        "tile_multiple": 4,
        "age_range": [15, 90],
        "neutral_age": 45.0,
        "patterns": PATTERNS,
        "coordinates": "face",
        "generator": {
            "inputs": [{"name": "image", "type": "uint8", "shape": ["N", "H", "W", 3], "range": [0, 255]}],
            "outputs": [{"name": "aged", "type": "uint8", "shape": ["N", "H", "W", 3]}],
        },
        "estimator": {"frame_px": FRAME_PX, "grid": GRID, **tensors},
        "files": files,
        "checkpoint_sha256": "00",
        "created_with": {"amgan": "0.1.0"},
    }


def write_tiny_bundle(folder: Path, **changes: object) -> Path:
    """Write the tiny bundle into a new folder; ``changes`` replace fields of its manifest."""
    folder.mkdir(parents=True)
    write_generator(folder / "generator.onnx")
    write_estimator(folder / "estimator.onnx")
    write_manifest(folder, Manifest.from_dict({**tiny_manifest(folder), **changes}))
    return folder


def closed_folder(own: Path) -> Path:
    """A folder that takes no files: ``own``, or one of the kernel's, as permissions do not stop root."""
    if os.geteuid() == 0:
        return Path("/sys/kernel")
    own.chmod(0o500)
    return own
