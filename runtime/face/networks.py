"""The networks that find and parse faces, on the CPU or on the GPU that ages."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.cuda.program import Tensor
from ..engines.network import CpuNetwork, GpuNetwork, Network, apart, open_gpu_network
from ..engines.openvino_network import choose_precision, compile_network
from ..errors import AmganError
from .detector import INPUT_PX, SIDES_PX

_LOG = logging.getLogger(__name__)
_MODELS = Path(__file__).parent / "models"
MESH_PX = 192
PARSER_PX = 128


@dataclass(frozen=True)
class NetworkFile:
    """A network: its file for the CPU, its ONNX file for GPUs, and the names of its inputs and outputs there.

    ``most_apart`` is how far a GPU's outputs may be from the CPU's, as a share of the largest value.
    """

    name: str
    file: Path
    onnx: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    most_apart: float = 0.002


DETECTOR = NetworkFile(
    "the face detector", _MODELS / "face_detection_full_range.tflite", _MODELS / "face_detection.onnx",
    ("image",), ("boxes", "scores"),
)  # fmt: skip
MESH = NetworkFile(
    "the face mesh", _MODELS / "face_landmark.tflite", _MODELS / "face_landmark.onnx",
    ("image",), ("points", "presence"),
)  # fmt: skip
PARSER = NetworkFile(
    "the head parser", _MODELS / "head_parser.onnx", _MODELS / "head_parser.onnx",
    ("image", "face"), ("shares",), most_apart=0.1,  # the CPU computes in bf16
)  # fmt: skip


class FaceNetworks:
    """Opens the networks on the CPU."""

    def __init__(self, threads: int | None = None) -> None:
        """``threads`` is the number of cores for one picture; None leaves it to OpenVINO."""
        self._threads = threads

    def detector(self, side_px: int) -> Network:
        """The detector for squares: float32 [1, S, S, 3], -1..1, to boxes and scores."""
        return CpuNetwork(
            compile_network(DETECTOR.file, threads=self._threads, side_px=side_px), DETECTOR.name
        )

    def mesh(self) -> Network:
        """The mesh: float32 [1, MESH_PX, MESH_PX, 3], 0..1, to points in px and the presence's logit."""
        return CpuNetwork(compile_network(MESH.file, threads=self._threads), MESH.name)

    def parser(self, streams: int | None = None) -> Network:
        """The head parser, in bf16 if the CPU has it: uint8 [1, n, n, 3] and float32 [1, 1, n, n] to shares.

        n is PARSER_PX; the shares of skin and hair are float32 [1, 2, n, n].
        """
        return CpuNetwork(
            compile_network(
                PARSER.file,
                choose_precision(None),
                inputs=PARSER.inputs,
                streams=streams,
                threads=streams or 1,
            ),
            PARSER.name,
        )

    def close(self) -> None:
        """Free what networks hold outside this process's memory: nothing."""


class AheadNetworks(FaceNetworks):
    """Networks of which those that every photo with a face needs are opened by threads at once."""

    def __init__(self, networks: FaceNetworks, submit: Callable[..., Future[Network]]) -> None:
        """``networks`` opens them, and ``submit`` is that of an Executor."""
        self._networks = networks
        self._detectors = {SIDES_PX[0]: submit(networks.detector, SIDES_PX[0])}
        self._mesh = submit(networks.mesh)
        self._detectors[INPUT_PX] = submit(networks.detector, INPUT_PX)

    def detector(self, side_px: int) -> Network:
        """The detector for squares; see FaceNetworks."""
        ahead = self._detectors.get(side_px)
        return self._networks.detector(side_px) if ahead is None else ahead.result()

    def mesh(self) -> Network:
        """The mesh; see FaceNetworks."""
        return self._mesh.result()

    def parser(self, streams: int | None = None) -> Network:
        """The head parser; see FaceNetworks."""
        return self._networks.parser(streams)


class GpuFaceNetworks(FaceNetworks):
    """Opens the networks on a GPU when each is first asked for, and compares each with the CPU's.

    After the first that cannot be had, or differs, networks are opened on the CPU, and the log says why.
    """

    def __init__(
        self, engine: str, device: str, open_network: Callable[..., GpuNetwork] = open_gpu_network
    ) -> None:
        """``engine`` and ``device`` are those of the generator; see open_gpu_network."""
        super().__init__(threads=1)
        self._engine, self._device, self._open = engine, device, open_network
        self._opened: list[GpuNetwork] = []
        self._lock = threading.Lock()
        self.failed = False

    def detector(self, side_px: int) -> Network:
        """The detector for squares; see FaceNetworks."""
        return self._on_gpu(DETECTOR, network_inputs(DETECTOR, side_px), super().detector(side_px))

    def mesh(self) -> Network:
        """The mesh; see FaceNetworks."""
        return self._on_gpu(MESH, network_inputs(MESH), super().mesh())

    def parser(self, streams: int | None = None) -> Network:
        """The head parser; see FaceNetworks."""
        return self._on_gpu(PARSER, network_inputs(PARSER), super().parser(streams))

    def close(self) -> None:
        """Free the GPU's memory; networks that were opened must not be used afterwards."""
        with self._lock:
            self.failed = True
            while self._opened:
                with contextlib.suppress(AmganError):
                    self._opened.pop().close()

    def _on_gpu(self, network: NetworkFile, inputs: dict[str, Tensor], on_cpu: Network) -> Network:
        with self._lock:
            if self.failed:
                return on_cpu
            try:
                on_gpu = self._open(self._engine, self._device, network.onnx, inputs)
            except AmganError as error:
                return self._give_up(network, str(error), on_cpu)
            try:
                probe = probe_inputs(inputs)
                found = apart(on_gpu(*probe), on_cpu(*probe))
                why = "" if found <= network.most_apart else f"it differs by {found:.2g} on {on_gpu.name}"
            except AmganError as error:
                why = str(error)
            if why:
                on_gpu.close()
                return self._give_up(network, why, on_cpu)
            self._opened.append(on_gpu)
            return on_gpu

    def _give_up(self, network: NetworkFile, why: str, on_cpu: Network) -> Network:
        self.failed = True
        _LOG.warning("faces are found on the CPU from %s on: %s", network.name, why)
        return on_cpu


def open_face_networks(engine: str, device: str) -> FaceNetworks:
    """The networks for a generator's engine and device: on its first GPU, or on one core of the CPU."""
    if not device.startswith("cuda"):
        return FaceNetworks(threads=1)
    return GpuFaceNetworks(engine, device.partition(",")[0])


def network_inputs(network: NetworkFile, side_px: int = 0) -> dict[str, Tensor]:
    """The inputs of a network without the batch axis; ``side_px`` is the side of the detector's square."""
    if network is PARSER:
        picture = Tensor((PARSER_PX, PARSER_PX, 3), np.dtype(np.uint8))
        return {"image": picture, "face": Tensor((1, PARSER_PX, PARSER_PX), np.dtype(np.float32))}
    side = side_px if network is DETECTOR else MESH_PX
    return {"image": Tensor((side, side, 3), np.dtype(np.float32))}


def probe_inputs(inputs: Mapping[str, Tensor]) -> list[NDArray[Any]]:
    """Random patches as values of inputs, with the batch axis, on which two libraries are compared."""
    return [_picture(tensor) for tensor in inputs.values()]


def _picture(tensor: Tensor) -> np.ndarray:
    """A picture of random patches of 8 px that a network's input can be, with the batch axis."""
    channels_first = tensor.shape[0] == 1
    rows, columns = tensor.shape[1:] if channels_first else tensor.shape[:2]
    random = np.random.default_rng(0).random((-(-rows // 8), -(-columns // 8), 1 if channels_first else 3))
    picture = random.repeat(8, 0).repeat(8, 1)[:rows, :columns]
    picture = picture.transpose(2, 0, 1) if channels_first else picture
    scale = 255 if tensor.dtype == np.uint8 else 1
    return np.ascontiguousarray((scale * picture).astype(tensor.dtype)[None])
