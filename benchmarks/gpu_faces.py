"""Compares the networks that find, mesh and parse faces on a GPU with those on the CPU, and times both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from amgan.runtime.engines.network import Network, apart, open_gpu_network
from amgan.runtime.errors import AmganError
from amgan.runtime.face.networks import (
    DETECTOR,
    MESH,
    PARSER,
    FaceNetworks,
    GpuFaceNetworks,
    network_inputs,
    probe_inputs,
)

DETECTOR_SIDES = (192, 384)
"""Sides in px of the detector's squares: a small photo, and a window of a larger one."""
THREADS = 16


def time_face_networks(engine: str, device: str, calls: int) -> dict[str, Any]:
    """Each network by name: the largest difference from the CPU and its limit, and the time of both.

    ``engine`` is the name of the engine that runs the generator, whose library runs these networks, too. A
    network that cannot be opened has the reason under "not_run".
    """
    on_cpu = FaceNetworks(threads=1)
    pairs: list[tuple[str, Any, int, Network]] = [
        (f"detector {side} px", DETECTOR, side, on_cpu.detector(side)) for side in DETECTOR_SIDES
    ]
    pairs += [("mesh", MESH, 0, on_cpu.mesh()), ("parser", PARSER, 0, on_cpu.parser())]
    found: dict[str, Any] = {}
    for name, network, side, reference in pairs:
        inputs = network_inputs(network, side)
        start = time.perf_counter()
        try:
            on_gpu = open_gpu_network(engine, device, network.onnx, inputs)
        except AmganError as error:
            found[name] = {"not_run": str(error)}
            continue
        try:
            probe = probe_inputs(inputs)
            found[name] = {
                "library": on_gpu.name,
                "opened_s": time.perf_counter() - start,
                "apart": apart(on_gpu(*probe), reference(*probe)),
                "most_apart": network.most_apart,
                "gpu": _time(on_gpu, probe, calls),
                "cpu": _time(reference, probe, max(4, calls // 10)),
            }
        except AmganError as error:
            found[name] = {"not_run": str(error)}
        finally:
            on_gpu.close()
    return found


def compare_faces(engine: str, device: str, photos: Sequence[Any], runs: int) -> dict[str, Any]:
    """Faces of photos (uint8 [H, W, 3]) on the GPU and on the CPU: their number, landmarks and time.

    ``fell_back`` says that at least one network of the GPU was given up, as a user's would be.
    """
    from amgan.runtime.face.finder import FaceFinder

    networks = GpuFaceNetworks(engine, device)
    try:
        finders = {"cpu": FaceFinder(networks=FaceNetworks(threads=1)), "gpu": FaceFinder(networks=networks)}
        faces = {where: [finder.find(photo) for photo in photos] for where, finder in finders.items()}
        same = all(len(a) == len(b) for a, b in zip(faces["cpu"], faces["gpu"], strict=True))
        found: dict[str, Any] = {
            "fell_back": networks.failed,
            "faces": {where: [len(one) for one in some] for where, some in faces.items()},
        }
        if same:
            pairs = [
                pair
                for a, b in zip(faces["cpu"], faces["gpu"], strict=True)
                for pair in zip(a, b, strict=True)
            ]
            found["landmarks_apart_px"] = max(
                (float(np.abs(a.landmarks - b.landmarks).max()) for a, b in pairs), default=0.0
            )
        for where, finder in finders.items():
            found[f"{where}_ms_a_photo"] = (
                1000
                * _seconds(lambda finder=finder: [finder.find(photo) for photo in photos], runs)
                / len(photos)
            )
        return found
    finally:
        networks.close()


def _time(network: Network, probe: Sequence[Any], calls: int) -> dict[str, float]:
    """Milliseconds of one call alone, and calls per second of THREADS threads, after a warm-up."""
    network(*probe)
    alone = _seconds(lambda: network(*probe), calls)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: network(*probe), range(THREADS)))
        start = time.perf_counter()
        list(pool.map(lambda _: network(*probe), range(THREADS * calls)))
    together = THREADS * calls / (time.perf_counter() - start)
    return {"ms_alone": 1000 * alone, f"per_second_of_{THREADS}": together}


def _seconds(call: Callable[[], Any], runs: int) -> float:
    """Median duration of a call."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return float(np.median(took))
