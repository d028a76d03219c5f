"""Contenders that age a whole frame: PyTorch eager and compiled, ONNX Runtime, and the bundle's engine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amgan.export.graphs.deploy import DeployGenerator
from amgan.networks import Generator
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.avx2 import Avx2Engine, is_best
from amgan.runtime.engines.contract import CELL_PX, GENERATOR_INPUTS, Engine, TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.tiles import plan_tiles
from amgan.runtime.errors import EngineError
from amgan.runtime.files import file_sha256

Arrays = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Age = Callable[[], NDArray[np.uint8]]
OpenEngine = Callable[[Bundle, str], Engine]

REFERENCE = "PyTorch eager"
OURS = "AMGAN, "
COMPILED = "torch.compile"
ONNX_RUNTIME = "ONNX Runtime, plain export"


@dataclass
class Contenders:
    """Functions that age the same frame by name, the precision of each, and missing ones with the reason.

    The first is the reference. ``prepared_s`` is the time of preparation of some of them in s.
    """

    ways: dict[str, Age] = field(default_factory=dict)
    precisions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    prepared_s: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, precision: str, make: Callable[[], Age]) -> None:
        """Prepare a contender and let it age the frame once; if that fails, it is missing."""
        start = time.perf_counter()
        try:
            way = make()
            way()
        except Exception as error:
            said = " ".join(str(error).split()) or "no reason given"
            self.absent[name] = f"{type(error).__name__}: {said[:300]}"
            return
        self.ways[name], self.precisions[name] = way, precision
        self.prepared_s[name] = time.perf_counter() - start


def find_contenders(
    generator: Generator,
    bundle: Bundle,
    arrays: Arrays,
    threads: int,
    say: Callable[[str], None],
    open_engine: OpenEngine = OpenVinoEngine,
) -> Contenders:
    """All contenders that can age the frame ``arrays`` (of `whole_frame`) here, on ``threads`` CPU threads.

    ``open_engine`` opens the engine of a bundle in a precision; it may raise EngineError.
    """
    torch.set_num_threads(threads)
    network = DeployGenerator(generator).eval()
    found = Contenders()
    found.add(REFERENCE, "f32", lambda: partial(in_pytorch, network, arrays))
    say("torch.compile")
    found.add(COMPILED, "f32", lambda: partial(in_pytorch, torch.compile(network, dynamic=False), arrays))
    say("the plain export for ONNX Runtime")
    found.add(ONNX_RUNTIME, "f32", lambda: in_onnx_runtime(generator, arrays, threads))
    say("the engine")
    for precision in ("f32", "bf16"):
        name = f"{OURS}OpenVINO {precision}"
        try:
            engine = open_engine(bundle, precision)
        except EngineError as error:
            found.absent[name] = str(error)
            continue
        way = partial(age_in_tiles, engine, bundle.manifest.halo_px, arrays)
        found.add(name, precision, partial(_given, way))
    own = Avx2Engine.of_bundle(bundle) if is_best() else None
    if own is not None:
        way = partial(age_in_tiles, own, bundle.manifest.halo_px, arrays)
        found.add(f"{OURS}AVX2 f32", "f32", partial(_given, way))
    return found


def _given(way: Age) -> Age:
    return way


def in_pytorch(network: Any, arrays: Arrays) -> NDArray[np.uint8]:
    """Age the whole frame in one piece with a module that has the engine's interface."""
    with torch.inference_mode():
        pixels: NDArray[np.uint8] = network(*map(torch.from_numpy, arrays)).numpy()
    return pixels


def in_onnx_runtime(generator: Generator, arrays: Arrays, threads: int) -> Age:
    """Age the whole frame in ONNX Runtime with the export of torch.onnx, without simplification."""
    import onnxruntime

    from amgan.export.graphs.trace import generator_to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.onnx"
        generator_to_onnx(generator, path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = dict(zip(GENERATOR_INPUTS, arrays, strict=True))

    def age() -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = session.run(None, feed)[0]
        return pixels

    return age


def age_in_tiles(engine: Engine, halo_px: int, arrays: Arrays) -> NDArray[np.uint8]:
    """Age a frame with its halo in the largest tiles that the engine prefers, uint8 [1, S, S, 3]."""
    likes = engine.capabilities
    return age_in_cores(engine, halo_px, arrays, likes.max_core_px, at_least=likes.min_tiles)


def age_in_cores(
    engine: Engine,
    halo_px: int,
    arrays: Arrays,
    core_px: int,
    *,
    at_least: int = 1,
    batch: int = 1,
    in_flight: int | None = None,
) -> NDArray[np.uint8]:
    """Age a frame in tiles of at most ``core_px``, ``batch`` per call, ``in_flight`` batches in flight."""
    image, ages, coordinates, pattern = arrays
    side = image.shape[1] - 2 * halo_px
    aged = np.empty((1, side, side, 3), np.uint8)
    tiles = plan_tiles(side, core_px, at_least=at_least)
    groups = [tiles[start : start + batch] for start in range(0, len(tiles), batch)]
    under_way: list[tuple[Any, Any]] = []

    def collect() -> None:
        group, ticket = under_way.pop(0)
        for tile, core in zip(group, engine.wait(ticket), strict=True):
            aged[(0, *tile.core)] = core

    for group in groups:
        if in_flight and len(under_way) == in_flight:
            collect()
        images = np.concatenate([image[(slice(None), *tile.padded(halo_px))] for tile in group])
        maps = np.concatenate([ages[(..., *tile.padded(halo_px, CELL_PX))] for tile in group])
        parts = np.concatenate([coordinates[(..., *tile.padded(halo_px, CELL_PX))] for tile in group])
        patterns = np.repeat(pattern, len(group), axis=0)
        under_way.append((group, engine.submit(TileBatch(images, maps, parts, patterns))))
    while under_way:
        collect()
    return aged


def describe(bundle: Bundle) -> Mapping[str, Any]:
    """The entry of a result for the measured bundle."""
    return {
        "name": bundle.manifest.model,
        "version": bundle.manifest.version,
        "checkpoint_sha256": bundle.manifest.checkpoint_sha256,
        "manifest_sha256": file_sha256(bundle.path / "manifest.json"),
    }
