"""From a photo to the aged photo: faces, ages now and wanted, tiles, engine, and the change pasted back."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .engine import CELL_PX, Engine, Ticket, TileBatch, open_engine
from .errors import EngineError, NoFaceError, UsageError
from .estimate import Estimator, landmarks_unit
from .faces import Face, FaceFinder
from .manifest import FRAME_STEP_PX, Manifest
from .maps import FaceAges, asked_mask, build_map, edit_mask, make_footprints, without_margin
from .paste import is_grey, paste_change
from .photo import read_photo, write_photo
from .request import Request, wanted_ages
from .tiles import Tile, mask_cells, plan_tiles, stitch
from .warp import sample_affine


@dataclass(frozen=True)
class AgedFace:
    """One aged face: its ages now and as asked for, in years, and the side of the frame used, in px."""

    face: Face
    now: FaceAges
    wanted: FaceAges
    frame_px: int


@dataclass(frozen=True, eq=False)
class AgedPhoto:
    """The result for one photo: ``pixels`` uint8 [H, W, 3], and the faces, largest first."""

    pixels: NDArray[np.uint8]
    faces: tuple[AgedFace, ...]


class Pipeline:
    """Ages the faces of photos with one bundle on one device.

    A context manager; ``age`` and ``estimate`` may be called from several threads at once, and give the
    same pixels every time.
    """

    def __init__(
        self, model: Path | str | None = None, device: str = "auto", precision: str | None = None
    ) -> None:
        """Open a bundle (None: the one that ships) on a device ("auto", "cpu", "cuda", "cuda:N").

        ``precision`` None takes the fastest that the device does well. Raises BundleError, EngineError or
        UsageError where that cannot be done.
        """
        bundle = Bundle.open(model)
        self._manifest = bundle.manifest
        self._engine: Engine = open_engine(bundle, device, precision)
        self._estimator = Estimator(bundle)
        self._finder = FaceFinder()

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return self._engine

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
        """Give the engine's memory back; the pipeline cannot age photos afterwards."""
        self._engine.close()

    def estimate(self, rgb: NDArray[np.uint8]) -> list[tuple[Face, FaceAges]]:
        """Every face of a photo, uint8 [H, W, 3], largest first, with its apparent ages in years."""
        _check_pixels(rgb)
        return [(face, self._estimator.read(rgb, face)) for face in self._finder.find(rgb)]

    def age(self, rgb: NDArray[np.uint8], request: Request) -> AgedPhoto:
        """Age the faces of a photo, uint8 [H, W, 3] RGB, which is left as it is.

        Raises UsageError for a request that makes no sense, NoFaceError where no face is found, and
        EngineError.
        """
        _check_pixels(rgb)
        age_range = self._manifest.age_range
        request.check(age_range)
        faces = self._finder.find(rgb)
        if not faces:
            raise NoFaceError("no face was found: try a photo with a larger, more frontal face")
        out = np.array(rgb)
        grey = is_grey(rgb)
        aged = []
        for face in faces[:1] if request.faces == "largest" else faces:
            now = self._estimator.read(rgb, face)
            wanted = wanted_ages(request, now, age_range)
            size = frame_size(face.frame.side_px, self._manifest)
            landmarks = landmarks_unit(face)
            margin = self._manifest.halo_px // CELL_PX
            footprints = make_footprints(landmarks, size // CELL_PX, margin)
            asked = asked_mask(without_margin(footprints, margin), now, wanted, size)
            mask = edit_mask(landmarks, size) * asked
            aging_map = build_map(footprints, wanted.base, wanted.parts)
            before, after = self._age_frame(rgb, face, aging_map, mask)
            paste_change(out, face.frame, before, after, mask, strength=request.strength, grey=grey)
            aged.append(AgedFace(face, now, wanted, size))
        return AgedPhoto(out, tuple(aged))

    def age_file(self, src: Path | str, dst: Path | str, request: Request) -> AgedPhoto:
        """Read a photo, age its faces and write it to ``dst``, atomically.

        Raises PhotoError for either file, UsageError when they are the same one, and what `age` raises.
        """
        source, target = Path(src), Path(dst)
        if source.resolve() == target.resolve():
            raise UsageError(f"'{target}' is the photo itself: name another output, it is never overwritten")
        photo = read_photo(source)
        try:
            aged = self.age(photo.pixels, request)
        except NoFaceError as error:
            raise NoFaceError(f"'{source}': {error}") from error
        write_photo(photo, aged.pixels, target)
        return aged

    def _age_frame(
        self, rgb: NDArray[np.uint8], face: Face, aging_map: NDArray[np.float32], mask: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The canonical frame, uint8 [S, S, 3], as it is and aged where the mask [S, S] is not zero."""
        size, halo = mask.shape[0], self._manifest.halo_px
        image = _sample_with_halo(rgb, face, size, halo)
        multiple = self._manifest.tile_multiple
        tiles = plan_tiles(size, self._engine.capabilities.max_core_px, mask_cells(mask, multiple), multiple)
        before = image[halo : halo + size, halo : halo + size]
        cores = ((tile, core[0]) for tile, core in self._run(tiles, image, aging_map))
        return before, stitch(before, cores)

    def _run(
        self, tiles: list[Tile], image: NDArray[np.uint8], aging_map: NDArray[np.float32]
    ) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
        """Run tiles through the engine, a few at a time, in order."""
        halo = self._manifest.halo_px
        under_way: deque[tuple[Tile, Ticket]] = deque()
        try:
            for tile in tiles:
                under_way.append((tile, self._engine.submit(_batch(tile, image, aging_map, halo))))
                if len(under_way) >= self._engine.capabilities.in_flight:
                    done, ticket = under_way.popleft()
                    yield done, self._engine.wait(ticket)
            while under_way:
                done, ticket = under_way.popleft()
                yield done, self._engine.wait(ticket)
        finally:
            for _, ticket in under_way:  # only after an error: let the rest end before the arrays go
                with contextlib.suppress(EngineError):
                    self._engine.wait(ticket)


def frame_size(side_px: float, manifest: Manifest) -> int:
    """Side of the canonical frame, in px, for a frame that is ``side_px`` wide in the photo."""
    steps = int(np.ceil(side_px / FRAME_STEP_PX))
    return min(max(steps * FRAME_STEP_PX, manifest.min_frame_px), manifest.max_frame_px)


def _batch(tile: Tile, image: NDArray[np.uint8], aging_map: NDArray[np.float32], halo: int) -> TileBatch:
    """The engine's input for one tile, cut out of the frame with its halo."""
    frame_px = image.shape[0] - 2 * halo
    return TileBatch(
        np.ascontiguousarray(image[tile.padded(halo)][None]),
        np.ascontiguousarray(aging_map[tile.padded(halo, CELL_PX)][None, None]),
        np.array([[tile.x0 - halo, tile.y0 - halo, frame_px]], np.float32),
        f"tile {tile} of a frame of {frame_px} px",
    )


def _sample_with_halo(rgb: NDArray[np.uint8], face: Face, size: int, halo: int) -> NDArray[np.uint8]:
    """The face's frame of ``size`` px with ``halo`` px more of the photo on every side."""
    matrix = face.frame.to_photo(size)
    matrix[:, 2] -= matrix[:, :2] @ (halo, halo)
    return sample_affine(rgb, matrix, (size + 2 * halo, size + 2 * halo))


def _check_pixels(rgb: NDArray[np.uint8]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UsageError(f"a photo must be uint8 [H, W, 3] RGB, not {rgb.dtype} {rgb.shape}")
