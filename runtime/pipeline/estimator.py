"""Estimation of the apparent ages of a face's parts."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS, FaceAges, RegionMasks, make_region_masks, read_map
from ..bundle.bundle import Bundle
from ..bundle.precision import Precision
from ..engines.openvino_network import compile_network, last_line
from ..errors import BundleError, EngineError
from ..face.alignment import apply_affine
from ..face.finder import Face
from ..face.warp import sample_affine
from ..machine import count_cores


class Estimator:
    """A bundle's estimator on the CPU, in fp32, so that readings do not depend on the machine.

    Thread-safe.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Compile the estimator; raises BundleError or EngineError."""
        self._spec = bundle.manifest.estimator
        self._model = compile_estimator(bundle.file("estimator", Precision.FP32))
        self._local = threading.local()

    def read(self, rgb: NDArray[np.uint8], face: Face, masks: RegionMasks | None = None) -> FaceAges:
        """Apparent ages, in years, of one face of a photo, uint8 [H, W, 3]; raises EngineError.

        ``masks`` are the face's in its frame, without a margin; they are computed if not given.
        """
        size = self._spec.frame_px
        image = sample_affine(rgb, face.frame.to_photo(size), (size, size))
        ages = self._run(image)
        return read_map(masks or make_region_masks(landmarks_unit(face), MAP_CELLS), ages)

    def _run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        try:
            self._local.request.infer({"image": image[None]})
            ages: NDArray[np.float32] = np.array(self._local.request.get_output_tensor(0).data, np.float32)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on the estimator: {last_line(error)}") from error
        grid = self._spec.grid
        if ages.shape != (1, 1, grid, grid):
            raise BundleError(
                f"the estimator gave ages {ages.shape}, not {(1, 1, grid, grid)}: export the bundle again"
            )
        if not np.isfinite(ages).all():
            raise EngineError("the estimator gave ages that are not numbers: export the bundle again")
        grid_ages: NDArray[np.float32] = ages[0, 0]
        return grid_ages


def compile_estimator(file: Path) -> Any:
    """Compile an estimator file with the options that `Estimator` uses; raises BundleError or EngineError."""
    # One core per face: several faces are read concurrently, and the engine needs the other cores.
    return compile_network(file, Precision.FP32, inputs=("image",), streams=count_cores())


def landmarks_unit(face: Face) -> NDArray[np.float64]:
    """The landmarks [468, 2] of a face in units of its frame's side (0..1 across it)."""
    return apply_affine(face.frame.to_frame(1), face.landmarks)
