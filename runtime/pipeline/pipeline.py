"""Ages photos: detects faces, reads and plans ages, runs the engine and pastes the change."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..ages.request import Request, as_request
from ..bundle.bundle import Bundle
from ..bundle.manifest import Manifest
from ..engines.contract import Capabilities
from ..engines.process import OpeningProcess
from ..engines.scheduler.scheduler import Counters, FrameScheduler
from ..errors import UsageError
from ..face.choice import pick
from ..face.finder import Face, FaceFinder, Found
from ..face.head_parser import HeadParser
from ..face.pixels import CPU_PIXELS
from ..photo.metadata import MetadataPolicy
from ..photo.read import read_photo
from ..photo.write import check_target, write_photo
from .drawn_plan import DrawnPlan
from .estimator import Estimator
from .face_filter import Chosen, NoFaceError, choose_faces, why_none
from .face_plan import FaceWork, paste_face, plan_work
from .face_region import FaceRegion, cut_region
from .opening import OpenedNetworks, open_networks
from .results import AgedFace, AgedPhoto, StartedPhoto
from .seen_face import SeenFace, see_face, see_skin


class Pipeline:
    """Ages the faces of photos with one bundle on one device.

    A context manager. All methods are thread-safe and deterministic; photos that are in flight concurrently
    share the engine. ``jpeg_decoder`` and ``jpeg_encoder`` are for `read_photo` and `write_photo`: those of
    the GPU that ages, None on the CPU. After a fork the child process gets an EngineError and has to open
    its own.
    """

    def __init__(
        self,
        model: Bundle | Path | str | None = None,
        device: str = "auto",
        precision: str | None = None,
        *,
        opened: OpenedNetworks | None = None,
    ) -> None:
        """Open a bundle or its folder (None: the shipped one) on a device.

        "auto" is the GPU with the most free memory if one can be used, otherwise the CPU; "cuda" is that GPU,
        "cuda:N" the one with this number, "cuda:0,2" several, "cuda:all" all that CUDA shows; "cpu" is none.
        ``precision`` None selects the fastest that the device supports. ``opened`` are networks that are
        being opened, instead of a bundle and a device; the pipeline closes them, and their errors come from
        the first call that needs them. Raises BundleError, EngineError and UsageError.
        """
        self._process = OpeningProcess("the pipeline")
        self._opened = open_networks(model, device, precision) if opened is None else opened
        self._manifest = self._opened.bundle.manifest
        # A pipeline that is not closed frees its threads and memory when it is garbage-collected.
        self._end = weakref.finalize(self, self._opened.close_aside)
        self._end.atexit = False
        self.jpeg_decoder, self.jpeg_encoder = self._opened.decoder, self._opened.encoder
        self._pixels = self._opened.pixels or CPU_PIXELS
        if opened is None:
            self._opened.wait()

    @cached_property
    def _scheduler(self) -> FrameScheduler:
        return self._opened.scheduler

    @cached_property
    def _estimator(self) -> Estimator:
        return self._opened.estimator

    @cached_property
    def _finder(self) -> FaceFinder:
        return self._opened.finder

    @cached_property
    def _parser(self) -> HeadParser:
        return self._opened.parser

    @property
    def capabilities(self) -> Capabilities:
        """Properties of the engine in use."""
        return self._scheduler.capabilities

    @property
    def counters(self) -> Counters:
        """Counters of the engine's work so far."""
        return self._scheduler.counters

    @property
    def manifest(self) -> Manifest:
        """The manifest of the bundle in use."""
        return self._manifest

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish the work in flight and free the engine. No photos can be aged afterwards."""
        self._end.detach()
        self._opened.close()

    def estimate(self, rgb: NDArray[np.uint8]) -> list[tuple[Face, FaceAges]]:
        """Every face of a photo, uint8 [H, W, 3], largest first, with its apparent ages in years."""
        return [(seen.face, seen.now) for seen in self.see(rgb)]

    def see(self, rgb: NDArray[np.uint8], faces: str | int = "all") -> list[SeenFace]:
        """Find and read the faces of a photo, uint8 [H, W, 3], largest first: all, the largest or N."""
        self._process.check()
        rgb = _as_pixels(rgb)
        found = self._finder.find(rgb)
        chosen = pick(found, faces)
        return [self._see(rgb, face) for face in chosen]

    def look(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> Found:
        """Look for faces of a picture, uint8 [H, W, 3]; see FaceFinder.look."""
        self._process.check()
        return self._finder.look(_as_pixels(rgb), min_face_px)

    def follow(self, rgb: NDArray[np.uint8], face: Face) -> Face | None:
        """The face in the next picture of a video, uint8 [H, W, 3], or None; see FaceFinder.follow."""
        self._process.check()
        return self._finder.follow(_as_pixels(rgb), face)

    def read_ages(self, rgb: NDArray[np.uint8], face: Face) -> FaceAges:
        """Apparent ages, in years, of one face of a picture, uint8 [H, W, 3]; raises EngineError."""
        self._process.check()
        return self._estimator.read(_as_pixels(rgb), face)

    def start_face(
        self, rgb: NDArray[np.uint8], seen: SeenFace, request: Request, label: str
    ) -> tuple[FaceWork, Future[NDArray[np.uint8]]]:
        """Start one face of a picture, uint8 [H, W, 3], on the engine. The request is not checked.

        Returns the plan and a future of the aged frame, uint8 [S, S, 3]. Blocks only while too many faces are
        in flight. The picture may be changed afterwards. ``label`` names the face in error messages.
        """
        work = self.plan_face(rgb, seen, request, label)
        return work, self.start_work(work)

    def plan_face(
        self,
        rgb: NDArray[np.uint8],
        seen: SeenFace,
        request: Request,
        label: str,
        drawn: DrawnPlan | None = None,
        ask: bool = True,
        parser: HeadParser | None = None,
    ) -> FaceWork:
        """The plan that `start_face` would pass to the engine; see `plan_work`."""
        scheduler = self._scheduler
        return plan_work(
            rgb, seen, request, self._manifest, scheduler.likes, label, parser, drawn, ask,
            scheduler.canvas, self._pixels,
        )  # fmt: skip

    def start_work(self, work: FaceWork) -> Future[NDArray[np.uint8]]:
        """Start a plan on the engine; see `start_face`."""
        self._process.check()
        return self._scheduler.submit(work.frame)

    def see_skin(self, rgb: NDArray[np.uint8], seen: SeenFace) -> SeenFace:
        """A face with its covered parts in a picture, uint8 [H, W, 3]; see covers.py."""
        return see_skin(rgb, seen, self._parser)

    def choose(self, rgb: NDArray[np.uint8], request: Request) -> Chosen:
        """Find and read the faces of a photo, uint8 [H, W, 3], that a request is for."""
        self._process.check()
        rgb = _as_pixels(rgb)
        found = self._finder.look(rgb, request.min_face_px)
        found = found if found.faces else self._finder.explain(rgb, found, self._parser)
        chosen = choose_faces(found.faces, request, lambda face: self._see(rgb, face))
        return replace(chosen, found=found)

    def _see(self, rgb: NDArray[np.uint8], face: Face) -> SeenFace:
        return see_face(rgb, face, self._manifest, self._estimator, self._parser)

    def choose_seen(self, seen: Sequence[SeenFace], request: Request) -> Chosen:
        """Choose as `choose` does among all faces of a photo that `see` has found, largest first."""
        by_face = {id(one.face): one for one in seen}
        return choose_faces([one.face for one in seen], request, lambda face: by_face[id(face)])

    def cut_region(self, rgb: NDArray[np.uint8], seen: SeenFace, max_frame_px: int) -> FaceRegion:
        """Cut a face of a photo, uint8 [H, W, 3], out for a quick preview.

        Its frame then takes ``max_frame_px`` px at most; it keeps its ages. Age the region's ``pixels`` with
        ``seen=[region.seen]``.
        """
        return cut_region(_as_pixels(rgb), seen, self._manifest, max_frame_px)

    def age(self, rgb: NDArray[np.uint8], request: Request) -> AgedPhoto:
        """Age the faces of a photo, uint8 [H, W, 3] RGB; the array is not changed.

        Raises UsageError for an invalid request, NoFaceError where no face is found, and EngineError.
        """
        return self.finish(self.start(rgb, request))

    def start(
        self,
        rgb: NDArray[np.uint8],
        request: Request,
        label: str = "the photo",
        seen: Sequence[SeenFace] | None = None,
    ) -> StartedPhoto:
        """Detect and read the faces of a photo and start them on the engine; as `age`, without waiting.

        Blocks only while too many faces are in flight. ``label`` names the photo in error messages, ``seen``
        are its faces if known. The photo must not change until `finish`.
        """
        self._process.check()
        rgb, request = _as_pixels(rgb), as_request(request)
        request.check(self._manifest.age_range, self._manifest.patterns)
        chosen = self.choose(rgb, request) if seen is None else Chosen(tuple(seen))
        if not chosen.taken:
            raise NoFaceError(why_none(chosen.left, chosen.found), chosen.left, chosen.found)
        works, frames = [], []
        for number, one in enumerate(chosen.taken, start=1):
            name = f"{label}, face {number}"
            work = self.plan_face(rgb, one, request, name, parser=self._parser)
            works.append(work)
            frames.append(self._scheduler.submit(work.frame))
        return StartedPhoto(rgb, request, tuple(works), tuple(frames), chosen.left, chosen.found)

    def finish(self, started: StartedPhoto, *, in_place: bool = False) -> AgedPhoto:
        """Wait for a photo's faces and paste their changes; ``in_place`` writes into the photo itself.

        Raises EngineError.
        """
        self._process.check()
        aged = [frame.result() for frame in started.frames]
        out = started.pixels if in_place and started.pixels.flags.writeable else np.array(started.pixels)
        for work, frame in zip(started.works, aged, strict=True):
            paste_face(out, work, frame, started.request.strength, self._pixels, started.pixels)
        faces = tuple(_aged_face(work) for work in started.works)
        return AgedPhoto(out, faces, started.left, started.found)

    def age_file(
        self,
        src: Path | str,
        dst: Path | str,
        request: Request,
        metadata: MetadataPolicy = "keep",
        quality: int | None = None,
    ) -> AgedPhoto:
        """Read a photo, age its faces and write it to ``dst``, atomically.

        ``metadata``: which EXIF, XMP and texts the new file keeps (see photo/metadata.py). ``quality``: of a
        lossy format. Raises PhotoError for either file, UsageError where both are the same, and as `age`.
        """
        source, target = Path(src), Path(dst)
        if source.resolve() == target.resolve():
            raise UsageError(f"'{target}' is the photo itself: name another output, it is never overwritten")
        photo = read_photo(source, metadata, self.jpeg_decoder)
        check_target(photo, target)
        try:
            started = self.start(photo.pixels, request, f"'{source}'")
            # A JPEG is written over its pixels as they were: with a copy they need not be decoded again.
            aged = self.finish(started, in_place=photo.format != "JPEG")
        except NoFaceError as error:
            raise NoFaceError(f"'{source}': {error}", error.left, error.found) from error
        write_photo(photo, aged.pixels, target, quality=quality, encoder=self.jpeg_encoder)
        return aged


def _aged_face(work: FaceWork) -> AgedFace:
    seen = work.seen
    return AgedFace(seen.face, seen.now, work.wanted, seen.frame_px, seen.covered)


def _as_pixels(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo in the memory layout that everything here takes: itself if it can be; raises UsageError."""
    if not isinstance(rgb, np.ndarray):
        raise UsageError(
            f"a photo must be a NumPy array, uint8 [H, W, 3] RGB, not {type(rgb).__name__}: take that of "
            "read_photo(path).pixels, or np.asarray(picture.convert('RGB')) of a picture of Pillow"
        )
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UsageError(f"a photo must be uint8 [H, W, 3] RGB, not {rgb.dtype} {rgb.shape}")
    return np.ascontiguousarray(rgb)
