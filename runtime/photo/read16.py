"""Reading photos with 16 bits per channel.

Pillow has no 16-bit colour pictures: its decoders keep the high byte of every sample. The raw mode of a
decoder can be set to either byte order, so a file is decoded twice, once for the high bytes and once for the
low ones. 16-bit files thus use the same decoders, with the same checks for damaged files, as all others, and
no second image library has to read untrusted files. (OpenCV reads the samples, but prints to stderr and
returns partial data of a truncated PNG; imagecodecs is a large dependency for two formats.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from .colour import STRIP_ROWS
from .formats import turn_upright

Samples = NDArray[np.uint16]
_OTHER_ORDER = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}


def read_16_bit(
    picture: ImageFile.ImageFile, reopen: Callable[[], ImageFile.ImageFile]
) -> tuple[Samples, Samples | None]:
    """The samples of a 16-bit PNG or TIFF, upright, uint16 [H, W] or [H, W, C], and alpha [H, W] or None.

    ``picture`` is opened but not loaded, and is turned upright here; ``reopen`` opens the file again. Raises
    what Pillow raises for broken files.
    """
    mode, keyed = picture.mode, picture.info.get("transparency")
    if mode.startswith("I;16"):
        grey = np.array(_decoded(picture), np.uint16)
        return grey, None if keyed is None else _alpha_of_key(grey[..., None], (keyed,))
    high = _decoded(picture)
    with reopen() as again:
        if any(tile[3] == "LA;16B" for tile in again.tile):
            # Four bytes per pixel, high byte first, like RGBA.
            again.tile = [_renamed(tile, "RGBA") for tile in again.tile]
            both = np.asarray(_decoded(again)).view(">u2").astype(np.uint16)
            return both[..., 0].copy(), both[..., 1].copy()
        samples = _widened(high)
        again.tile = [_renamed(tile, _other_order(tile[3])) for tile in again.tile]
        _add_low_bytes(samples, _decoded(again))
    if mode == "RGBA":
        return np.ascontiguousarray(samples[..., :3]), samples[..., 3].copy()
    return samples, None if keyed is None else _alpha_of_key(samples, keyed)


def _decoded(picture: ImageFile.ImageFile) -> Image.Image:
    picture.load()
    turn_upright(picture)
    return picture


def _widened(picture: Image.Image) -> Samples:
    """The bytes of a picture as the high bytes of samples, in strips to avoid another copy."""
    samples = np.empty((picture.height, picture.width, len(picture.getbands())), np.uint16)
    for top in range(0, picture.height, STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + STRIP_ROWS, picture.height)))
        np.left_shift(np.asarray(strip), 8, out=samples[top : top + STRIP_ROWS], dtype=np.uint16)
    return samples


def _add_low_bytes(samples: Samples, picture: Image.Image) -> None:
    for top in range(0, picture.height, STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + STRIP_ROWS, picture.height)))
        samples[top : top + STRIP_ROWS] |= np.asarray(strip)


def _renamed(tile: Any, arguments: Any) -> Any:
    """A Pillow tile with other decoder arguments."""
    return type(tile)(*tile[:3], arguments) if hasattr(tile, "_fields") else (*tile[:3], arguments)


def _other_order(arguments: Any) -> Any:
    """The arguments of a decoder with the other byte order in the raw mode."""
    if isinstance(arguments, tuple):
        return (_other_order(arguments[0]), *arguments[1:])
    return arguments[:-4] + _OTHER_ORDER[arguments[-4:]]


def _alpha_of_key(samples: Samples, key: tuple[int, ...]) -> Samples:
    """Alpha of a picture whose colour ``key`` is transparent."""
    visible = (samples != np.array(key, np.uint16)).any(axis=2)
    return np.where(visible, np.uint16(65535), np.uint16(0)).astype(np.uint16)
