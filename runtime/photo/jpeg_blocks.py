"""Changes blocks of a JPEG in the coefficient domain; unchanged blocks keep their exact coefficients.

A JPEG stores blocks of 8 by 8 samples as quantized coefficients of a cosine transform. The transform is
linear: where the samples change by d, the coefficients change by the transform of d, divided by the
quantization table and rounded. A block whose change rounds to zero is unchanged. Sequential files of one scan
are changed in place (`jpeg_recode.py`), others by the library jpeglib, which is not thread-safe and is
therefore guarded by a lock.
"""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .jpeg_changes import BLOCK_PX, LUMA, Changes, find_changes
from .jpeg_recode import NotPlainError, can_recode, read_layout, recode
from .jpeg_segments import with_components_of

MOST = 1023
"""The largest coefficient of an 8-bit JPEG."""
_STRIP_PX = 256
_SEQUENTIAL, _PROGRESSIVE = (
    "turbo210",
    "mozjpeg403",
)  # the writers of jpeglib; the second writes progressively
_one_at_a_time = threading.Lock()


class KeptBlocksError(Exception):
    """The blocks of a JPEG cannot be kept; the text says why."""


class NeedsJpeglibError(KeptBlocksError):
    """jpeglib would keep them, and is not installed."""


def _has_jpeglib() -> bool:
    import importlib.util

    return importlib.util.find_spec("jpeglib") is not None


def change_blocks(
    source: bytes, before: NDArray[np.uint8], after: NDArray[np.uint8], *, progressive: bool
) -> tuple[bytes, NDArray[np.bool_]]:
    """Change the JPEG ``source`` where ``after`` differs from ``before``; also says which pixels may differ.

    ``before`` are its decoded samples and ``after`` the wanted ones, uint8 [H, W, 3] RGB or [H, W] grey, in
    the stored orientation. Returns the new file, whose comments and profiles may be missing, and bool [H, W]:
    the pixels that may have changed. These are whole blocks, plus a border of one pixel where chroma is
    subsampled, since decoders interpolate there. Raises KeptBlocksError for an unsupported colour space or
    sampling, and NeedsJpeglibError for a JPEG that needs jpeglib if that is not installed.
    """
    reason = "it is progressive" if can_recode() else "the extension in C was not built"
    if can_recode() and not progressive:
        try:
            return _change_in_place(source, before, after)
        except NotPlainError as error:
            reason = str(error)
    if not _has_jpeglib():
        raise NeedsJpeglibError(reason)
    return _change_by_jpeglib(source, before, after, progressive=progressive)


def _change_in_place(
    source: bytes, before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> tuple[bytes, NDArray[np.bool_]]:
    """change_blocks by the C extension; also raises NotPlainError."""
    layout = read_layout(source)
    colours = 1 if before.ndim == 2 else before.shape[2]
    if len(layout.components) != colours or (layout.height, layout.width) != before.shape[:2]:
        raise NotPlainError(
            f"it has {len(layout.components)} components of {layout.width}x{layout.height} px"
        )
    found = find_changes(layout, before, after, _cosines())
    if found is not None:
        given, units = found
        return recode(source, layout, given), _pixels(units, layout.unit, before.shape)
    changes = Changes(layout)
    sampling = [(one.down, one.across) for one in layout.components]
    tables = [layout.table(number) for number in range(colours)]
    touched = _change(changes, sampling, tables, before, after)
    return recode(source, layout, changes.ordered), touched


def _change_by_jpeglib(
    source: bytes, before: NDArray[np.uint8], after: NDArray[np.uint8], *, progressive: bool
) -> tuple[bytes, NDArray[np.bool_]]:
    """change_blocks by jpeglib."""
    import jpeglib

    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="amgan-") as folder:
        old, new = Path(folder) / "old.jpg", Path(folder) / "new.jpg"
        old.write_bytes(source)
        try:
            jpeglib.version.set(_SEQUENTIAL)
            jpeg = jpeglib.read_dct(str(old))
            jpeg.load()
            space = jpeg.jpeg_color_space.name
            if space != ("JCS_GRAYSCALE" if before.ndim == 2 else "JCS_YCbCr"):
                raise KeptBlocksError(f"its colour space is {space}")
            planes = [jpeg.Y] if before.ndim == 2 else [jpeg.Y, jpeg.Cb, jpeg.Cr]
            # A single component is stored block by block, whatever its sampling factors are.
            sampling = [(int(v), int(h)) for v, h in jpeg.samp_factor[:3]] if len(planes) > 1 else [(1, 1)]
            tables = [jpeg.get_component_qt(number) for number in range(len(planes))]
            touched = _change(_Planes(planes), sampling, tables, before, after)
            jpeg.markers = []
            if progressive:
                jpeglib.version.set(_PROGRESSIVE)
            jpeg.write_dct(str(new))
        except OSError as error:
            raise KeptBlocksError(f"its coefficients cannot be read: {error}") from error
        return with_components_of(new.read_bytes(), source), touched


class _Store(Protocol):
    """Receives changes of blocks."""

    def add(self, number: int, rows: slice, columns: slice, steps: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Add ``steps``, [8, 8, rows, columns], to blocks of a component; returns which of them change."""


@dataclass(frozen=True, eq=False)
class _Planes:
    """The coefficients of a JPEG as jpeglib reads them."""

    planes: list[NDArray[np.int16]]

    def add(self, number: int, rows: slice, columns: slice, steps: NDArray[np.int16]) -> NDArray[np.bool_]:
        """See _Store."""
        held = self.planes[number][rows, columns]  # padding blocks of the last unit may not be stored
        every: NDArray[np.bool_] = np.asarray(steps.any(axis=(0, 1)))
        is_new = every[: held.shape[0], : held.shape[1]]
        new = steps[:, :, : held.shape[0], : held.shape[1]][:, :, is_new].transpose(2, 0, 1)
        held[is_new] = np.clip(held[is_new] + new, -MOST, MOST)
        return every


def _change(
    store: _Store,
    sampling: Sequence[tuple[int, int]],
    tables: Sequence[NDArray[Any]],
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Add all changes to a store; returns the pixels that may change, bool [H, W].

    ``sampling`` is the number of blocks down and across per component, ``tables`` its quantization, [8, 8].
    """
    most_v, most_h = (max(one[axis] for one in sampling) for axis in (0, 1))
    if any(most_v % v or most_h % h for v, h in sampling):
        raise KeptBlocksError(f"its sampling is {sampling}")
    unit = (BLOCK_PX * most_v, BLOCK_PX * most_h)
    touched = np.zeros((-(-before.shape[0] // unit[0]), -(-before.shape[1] // unit[1])), bool)
    for units, difference in _differences(before, after, unit):
        for number, change in enumerate(_components(difference)):
            v, h = sampling[number]
            steps = _steps(_reduce(change, most_v // v, most_h // h), tables[number])
            rows, columns = (
                slice(units[axis].start * n, units[axis].stop * n) for axis, n in enumerate((v, h))
            )
            is_new = store.add(number, rows, columns, steps)
            touched[units] |= is_new.reshape(-1, v, is_new.shape[1] // h, h).any(axis=(1, 3))
    return _pixels(touched, (most_v, most_h), before.shape)


def _pixels(units: NDArray[np.bool_], sampling: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels, bool [H, W], that may change with the marked units of so many blocks down and across."""
    down, across = sampling
    pixels = units.repeat(BLOCK_PX * down, axis=0).repeat(BLOCK_PX * across, axis=1)[: shape[0], : shape[1]]
    return _grown(pixels) if down * across > 1 else pixels


def _differences(
    before: NDArray[np.uint8], after: NDArray[np.uint8], unit: tuple[int, int]
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
    """Strips that contain all differences: rows and columns of units, and the change float32 [h, w, C]."""
    step = _STRIP_PX // unit[0] * unit[0]
    for top in range(0, before.shape[0], step):
        strip = slice(top, top + step)
        differs = before[strip] != after[strip]
        # Over the rows first, which reads memory sequentially.
        columns = np.flatnonzero(differs.any(axis=0).reshape(before.shape[1], -1).any(axis=1))
        if not len(columns):
            continue
        left, right = columns[0] // unit[1], columns[-1] // unit[1] + 1
        across = slice(left * unit[1], right * unit[1])
        change = after[strip, across].astype(np.float32) - before[strip, across]
        change = change if change.ndim == 3 else change[..., None]
        missing = [(0, -n % size) for n, size in zip(change.shape, (*unit, 1), strict=True)]
        change = np.pad(change, missing, mode="edge")
        down = slice(top // unit[0], top // unit[0] + change.shape[0] // unit[0])
        yield (down, slice(int(left), int(right))), change


def _components(change: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A change of RGB or grey, [h, w, C], converted to Y, Cb and Cr, or to Y (JFIF 1.02)."""
    if change.shape[2] == 1:
        return [change[..., 0]]
    luma = change @ LUMA
    return [luma, (change[..., 2] - luma) / 1.772, (change[..., 0] - luma) / 1.402]


def _reduce(plane: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
    """A plane averaged over blocks of ``down`` x ``across`` samples."""
    if down == across == 1:
        return plane
    size = (plane.shape[1] // across, plane.shape[0] // down)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _steps(plane: NDArray[np.float32], table: NDArray[Any]) -> NDArray[np.int16]:
    """The change of coefficients in quantization steps of a table [8, 8]: [8, 8, block rows, block columns].

    The cosine transform is that of ITU T.81, A.3.3.
    """
    rows, columns = (side // BLOCK_PX for side in plane.shape)
    samples = plane.reshape(rows, BLOCK_PX, columns, BLOCK_PX).transpose(1, 3, 0, 2)
    matrix = _cosines()
    # OpenCV's matrix product, because a BLAS would start its own threads.
    gemm: Any = cv2.gemm  # its type does not allow a missing summand
    down = gemm(matrix, samples.reshape(BLOCK_PX, -1), 1.0, None, 0.0)
    down = down.reshape(BLOCK_PX, BLOCK_PX, -1).swapaxes(0, 1)
    both = gemm(matrix, np.ascontiguousarray(down).reshape(BLOCK_PX, -1), 1.0, None, 0.0)
    coefficients = both.reshape(BLOCK_PX, BLOCK_PX, rows, columns).swapaxes(0, 1)
    return np.rint(coefficients / table.astype(np.float32)[..., None, None]).astype(np.int16)


@functools.cache
def _cosines() -> NDArray[np.float32]:
    at = np.arange(BLOCK_PX)
    matrix = np.sqrt(2 / BLOCK_PX) * np.cos((2 * at + 1) * at[:, None] * np.pi / (2 * BLOCK_PX))
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask dilated by one pixel, diagonals included."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    down = grown.copy()
    grown[:, 1:] |= down[:, :-1]
    grown[:, :-1] |= down[:, 1:]
    return grown
