"""Opens all networks of a pipeline, on the CPU concurrently and in the order in which a photo needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..bundle.bundle import Bundle
from ..engines.choose import may_use_gpu
from ..engines.gpus import check_device
from ..engines.openvino_network import load_openvino
from ..engines.process import OpeningProcess
from ..engines.scheduler.scheduler import FrameScheduler, open_scheduler
from ..face.networks import AheadNetworks, FaceNetworks, open_face_networks
from ..machine import count_cores
from .memory import require_memory_to_open

if TYPE_CHECKING:  # imported while networks are opened
    from ..face.finder import FaceFinder
    from ..face.head_parser import HeadParser
    from ..face.pixels import CpuPixels
    from ..photo.gpu_jpeg import GpuJpegs
    from ..photo.gpu_jpeg_encoder import GpuJpegEncoder
    from .estimator import Estimator

T = TypeVar("T")
_THREADS = 4


class OpenedNetworks:
    """The engine of the generator, the estimator, the finder and the parser of faces.

    On a GPU all are open when this object is made. On the CPU threads open them: each property waits for its
    network, and raises BundleError or EngineError if that cannot be opened. ``decoder`` and ``encoder`` are
    those of JPEGs on the GPU that ages, and ``pixels`` samples photos and pastes there; None on the CPU.
    Thread-safe.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", precision: str | None = None) -> None:
        """Open a bundle on a device, see `Pipeline`; raises UsageError, and on a GPU as its networks do."""
        check_device(device)
        self.bundle = bundle
        self._process = OpeningProcess("the networks")
        self.decoder: GpuJpegs | None = None
        self.encoder: GpuJpegEncoder | None = None
        self.pixels: CpuPixels | None = None
        self._held: list[Any] = []
        if may_use_gpu(device):
            try:
                self._one_after_the_other(device, precision)
            except BaseException:
                self.close()
                raise
        else:
            self._concurrently(device, precision)

    @property
    def scheduler(self) -> FrameScheduler:
        """The engine of the generator."""
        return self._scheduler.result()

    @property
    def estimator(self) -> Estimator:
        """The estimator of ages."""
        return self._estimator.result()

    @property
    def finder(self) -> FaceFinder:
        """The finder of faces."""
        return self._finder.result()

    @property
    def parser(self) -> HeadParser:
        """The parser of skin and hair."""
        return self._parser.result()

    def wait(self) -> None:
        """Wait until all networks are open; if one cannot be, close the others and raise its error."""
        try:
            for one in self._futures:
                one.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Wait until nothing is being opened, and close all that was; does nothing in a forked process."""
        if not self._process.is_this:
            return
        for one in self._futures:
            one.exception()
        while self._held:
            self._held.pop(0).close()

    def close_aside(self) -> None:
        """Close them in a thread of its own: the one that forgot them may be one of the scheduler's."""
        threading.Thread(target=self.close, name="amgan-close", daemon=True).start()

    @property
    def _futures(self) -> tuple[Future[Any], ...]:
        return tuple(value for value in vars(self).values() if isinstance(value, Future))

    def _concurrently(self, device: str, precision: str | None) -> None:
        """The networks on the CPU, the first that a photo needs first."""
        load_openvino()
        pool = ThreadPoolExecutor(min(_THREADS, count_cores()), "amgan-open")
        networks = AheadNetworks(open_face_networks("OpenVINO", "cpu"), pool.submit)
        self._scheduler = pool.submit(self._keep, partial(open_scheduler, self.bundle, device, precision))
        self._finder = pool.submit(open_finder, networks)
        self._estimator = pool.submit(self._keep, partial(_open_estimator, self.bundle, "cpu"))
        self._parser = pool.submit(open_parser, networks)
        pool.submit(_prepare_colours)
        pool.shutdown(wait=False)

    def _one_after_the_other(self, device: str, precision: str | None) -> None:
        """The networks in the order in which a GPU needs them: all go where the generator goes."""
        from ..face.gpu_pixels import open_pixels
        from ..photo.gpu_codec import gpu_of
        from ..photo.gpu_jpeg import GpuJpegs
        from ..photo.gpu_jpeg_encoder import GpuJpegEncoder

        scheduler = self._keep(partial(open_scheduler, self.bundle, device, precision))
        self._scheduler = _done(scheduler)
        engine = scheduler.capabilities
        self._estimator = _done(self._keep(partial(_open_estimator, self.bundle, engine.device)))
        networks = self._keep(partial(open_face_networks, engine.name, engine.device))
        gpu, (self.pixels, residents) = gpu_of(engine.device), open_pixels(engine.device)
        self._held.append(self.pixels)
        if residents is not None:  # photos that stay on the GPU
            self._held.append(residents)
        if gpu is not None:
            self.decoder = self._keep(partial(GpuJpegs, gpu, residents=residents))
            self.encoder = self._keep(partial(GpuJpegEncoder, gpu, residents=residents))
        self._finder, self._parser = _done(open_finder(networks)), _done(open_parser(networks))

    def _keep(self, make: Callable[[], T]) -> T:
        """Make what must be closed."""
        made = make()
        self._held.append(made)
        return made


def open_networks(
    model: Bundle | Path | str | None = None, device: str = "auto", precision: str | None = None
) -> OpenedNetworks:
    """Open a bundle or its folder (None: the shipped one) on a device, if there is enough memory.

    Raises BundleError, EngineError and UsageError.
    """
    require_memory_to_open()
    return OpenedNetworks(model if isinstance(model, Bundle) else Bundle.open(model), device, precision)


def begin_networks(model: Path | None, device: str) -> OpenedNetworks | None:
    """Begin to open a bundle's folder (None: the shipped one) on the CPU; None where a GPU may be used.

    Raises BundleError, EngineError and UsageError.
    """
    check_device(device)
    return None if may_use_gpu(device) else open_networks(model, device)


def open_finder(networks: FaceNetworks) -> FaceFinder:
    """The finder of faces with these networks; raises EngineError."""
    from ..face.finder import FaceFinder

    return FaceFinder(networks=networks)


def open_parser(networks: FaceNetworks) -> HeadParser:
    """The parser of skin and hair with these networks; raises EngineError."""
    from ..face.head_parser import HeadParser

    return HeadParser(networks=networks)


def _open_estimator(bundle: Bundle, device: str) -> Estimator:
    from .estimator import open_estimator

    return open_estimator(bundle, device)


def _prepare_colours() -> None:
    """Let OpenCV make its tables of Lab, which takes as long as opening a network."""
    import cv2

    cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_RGB2LAB)


def _done(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future
