"""Opens all networks of a pipeline, on the CPU concurrently."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..bundle.bundle import Bundle
from ..engines.choose import check_device, may_use_gpu
from ..engines.cuda.resident import ResidentPhotos
from ..engines.openvino_network import load_openvino
from ..engines.scheduler.scheduler import FrameScheduler, open_scheduler
from ..face.finder import FaceFinder
from ..face.gpu_pixels import open_pixels
from ..face.head_parser import HeadParser
from ..face.networks import FaceNetworks, open_face_networks
from ..face.pixels import CPU_PIXELS, CpuPixels
from ..photo.gpu_codec import GpuCodec, gpu_of
from ..photo.gpu_jpeg import GpuJpegs
from ..photo.gpu_jpeg_encoder import GpuJpegEncoder
from .estimator import Estimator, open_estimator

Closable = FrameScheduler | Estimator | FaceNetworks | GpuCodec | CpuPixels | ResidentPhotos


@dataclass(frozen=True, eq=False)
class OpenedNetworks:
    """The engine of the generator, the estimator, the finder and the parser of faces, and their networks.

    ``decoder`` and ``encoder`` are those of JPEGs on the GPU that ages; None on the CPU. ``pixels`` samples
    photos and pastes, ``residents`` are the photos that stay on that GPU, if any.
    """

    scheduler: FrameScheduler
    estimator: Estimator
    networks: FaceNetworks
    finder: FaceFinder
    parser: HeadParser
    decoder: GpuJpegs | None = None
    encoder: GpuJpegEncoder | None = None
    pixels: CpuPixels = CPU_PIXELS
    residents: ResidentPhotos | None = None


def open_networks(bundle: Bundle, device: str, precision: str | None, held: list[Closable]) -> OpenedNetworks:
    """Open a bundle on a device; see `Pipeline`. What must be closed is added to ``held``, also on errors.

    Raises BundleError, EngineError and UsageError.
    """
    check_device(device)
    if may_use_gpu(device):
        return _one_after_the_other(bundle, device, precision, held)
    load_openvino()
    with ThreadPoolExecutor(4, "amgan-open") as pool:
        scheduler = pool.submit(open_scheduler, bundle, device, precision)
        networks = open_face_networks("OpenVINO", "cpu")
        finder = pool.submit(FaceFinder, networks=networks)
        parser = pool.submit(HeadParser, networks=networks)
        estimator = pool.submit(Estimator, bundle)
        held.append(scheduler.result())
        held += [estimator.result(), networks]
        return OpenedNetworks(
            scheduler.result(), estimator.result(), networks, finder.result(), parser.result()
        )


def _one_after_the_other(
    bundle: Bundle, device: str, precision: str | None, held: list[Closable]
) -> OpenedNetworks:
    """The networks in the order in which a GPU needs them: all go where the generator goes."""
    scheduler = open_scheduler(bundle, device, precision)
    held.append(scheduler)
    engine = scheduler.capabilities
    estimator = open_estimator(bundle, engine.device)
    held.append(estimator)
    networks = open_face_networks(engine.name, engine.device)
    held.append(networks)
    gpu, (pixels, residents) = gpu_of(engine.device), open_pixels(engine.device)
    decoder = None if gpu is None else GpuJpegs(gpu, residents=residents)
    encoder = None if gpu is None else GpuJpegEncoder(gpu, residents=residents)
    held += [one for one in (residents, decoder, encoder, pixels) if one is not None]
    finder, parser = FaceFinder(networks=networks), HeadParser(networks=networks)
    return OpenedNetworks(scheduler, estimator, networks, finder, parser, decoder, encoder, pixels, residents)
