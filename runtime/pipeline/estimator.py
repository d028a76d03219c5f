"""Estimation of the apparent ages of a face's parts."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS, FaceAges, RegionMasks, make_region_masks, read_map
from ..bundle.bundle import Bundle
from ..bundle.precision import Precision
from ..engines.openvino_network import compile_network, last_line
from ..errors import AmganError, BundleError, EngineError
from ..face.alignment import apply_affine
from ..face.finder import Face
from ..face.warp import sample_affine
from ..machine import count_cores

if TYPE_CHECKING:
    from ..engines.gpu_estimator import GpuEstimator


_LOG = logging.getLogger(__name__)
MAX_APART_YEARS = 0.5
"""How far a GPU's readings of a test picture may be from the CPU's."""


class Estimator:
    """A bundle's estimator in fp32 on the CPU, or on a GPU whose readings agree with it. Thread-safe."""

    def __init__(self, bundle: Bundle) -> None:
        """Compile the estimator for the CPU; raises BundleError or EngineError."""
        self._spec = bundle.manifest.estimator
        self._gpu: GpuEstimator | None = None
        file = bundle.file("estimator", Precision.FP32)
        self._model = compile_estimator(file, bundle.digest(file))
        self._local = threading.local()

    def read(self, rgb: NDArray[np.uint8], face: Face, masks: RegionMasks | None = None) -> FaceAges:
        """Apparent ages, in years, of one face of a photo, uint8 [H, W, 3]; raises EngineError.

        ``masks`` are the face's in its frame, without a margin; they are computed if not given.
        """
        return self.read_frame(self.look(rgb, face), face, masks)

    def look(self, rgb: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
        """The frame of one face of a photo, uint8 [H, W, 3], that the estimator reads: uint8 [S, S, 3]."""
        size = self._spec.frame_px
        return sample_affine(rgb, face.frame.to_photo(size), (size, size))

    def read_frame(self, image: NDArray[np.uint8], face: Face, masks: RegionMasks | None = None) -> FaceAges:
        """`read`, of a frame that `look` gave."""
        ages = self._run(image)
        return read_map(masks or make_region_masks(landmarks_unit(face), MAP_CELLS), ages)

    def use(self, gpu: GpuEstimator) -> None:
        """Read on a GPU from now on; it is closed with this object."""
        self._gpu = gpu

    def close(self) -> None:
        """Free the GPU's memory, if it uses one."""
        if self._gpu is not None:
            self._gpu.close()

    def apart(self, gpu: GpuEstimator) -> float:
        """How far a GPU's readings of a test picture are from the CPU's at most, in years."""
        side = self._spec.frame_px
        picture = np.random.default_rng(0).integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
        picture = np.ascontiguousarray(picture.repeat(4, 0).repeat(4, 1)[:side, :side])
        return float(np.abs(gpu.read(picture)[None] - self._run_on_cpu(picture)).max())

    def _run_on_cpu(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        try:
            self._local.request.infer({"image": image[None]})
            return np.array(self._local.request.get_output_tensor(0).data, np.float32)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on the estimator: {last_line(error)}") from error

    def _run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        ages = self._run_on_cpu(image) if self._gpu is None else self._gpu.read(image)[None]
        grid = self._spec.grid
        if ages.shape != (1, 1, grid, grid):
            raise BundleError(
                f"the estimator gave ages {ages.shape}, not {(1, 1, grid, grid)}: export the bundle again"
            )
        if not np.isfinite(ages).all():
            raise EngineError("the estimator gave ages that are not numbers: export the bundle again")
        grid_ages: NDArray[np.float32] = ages[0, 0]
        return grid_ages


def open_estimator(bundle: Bundle, device: str) -> Estimator:
    """The estimator for an engine's ``device``: on a GPU if it reads there as on the CPU, otherwise there.

    The log says why a GPU is not used. Raises BundleError or EngineError.
    """
    on_cpu = Estimator(bundle)
    if not device.startswith("cuda"):
        return on_cpu
    from ..engines.gpu_estimator import open_gpu_estimator

    try:
        gpu = open_gpu_estimator(bundle, device.partition(",")[0])
    except AmganError as error:
        _LOG.warning("ages are estimated on the CPU: %s", error)
        return on_cpu
    try:
        apart = on_cpu.apart(gpu)
        why = f"it is {apart:.2f} years apart from {gpu.name}" if not apart <= MAX_APART_YEARS else ""
    except AmganError as error:
        why = str(error)
    if why:
        _LOG.warning("ages are estimated on the CPU: %s", why)
        gpu.close()
    else:
        on_cpu.use(gpu)
    return on_cpu


def compile_estimator(file: Path, digest: str | None = None) -> Any:
    """Compile an estimator file with the options that `Estimator` uses; raises BundleError or EngineError.

    ``digest`` is the SHA-256 of the file in hex if it is known.
    """
    # One core per face: several faces are read concurrently, and the engine needs the other cores.
    return compile_network(file, Precision.FP32, inputs=("image",), streams=count_cores(), digest=digest)


def landmarks_unit(face: Face) -> NDArray[np.float64]:
    """The landmarks [468, 2] of a face in units of its frame's side (0..1 across it)."""
    return apply_affine(face.frame.to_frame(1), face.landmarks)
