"""Photos with 16 bits a channel, read whole.

Pillow holds no picture of 16-bit colours: its decoders keep the high byte of every sample. But the layout
that a decoder unpacks can be named with either byte order, so a file is decoded twice, once for the high
bytes and once for the low ones. That way 16-bit files go through the same decoders, with the same checks for
damaged ones, as all others, and no second image library has to read files of strangers. (OpenCV would read
the samples, but prints on stderr, and gives back what was there of a PNG that is cut short; imagecodecs is a
large dependency for two formats.)
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

    ``picture`` is opened, not loaded yet, and turned upright by this; ``reopen`` opens the file anew. Raises
    what Pillow raises for broken files.
    """
    mode, keyed = picture.mode, picture.info.get("transparency")
    if mode.startswith("I;16"):
        grey = np.array(_decoded(picture), np.uint16)
        return grey, None if keyed is None else _alpha_of_key(grey[..., None], (keyed,))
    high = _decoded(picture)
    with reopen() as again:
        if any(tile[3] == "LA;16B" for tile in again.tile):
            # Four bytes a pixel, high byte first, as RGBA has them.
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
    """The bytes of a picture as the high bytes of samples, in strips: it is not held once more."""
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
    """A decoder's work with other arguments."""
    return type(tile)(*tile[:3], arguments) if hasattr(tile, "_fields") else (*tile[:3], arguments)


def _other_order(arguments: Any) -> Any:
    """The arguments of a decoder, with the other byte order in the name of the layout."""
    if isinstance(arguments, tuple):
        return (_other_order(arguments[0]), *arguments[1:])
    return arguments[:-4] + _OTHER_ORDER[arguments[-4:]]


def _alpha_of_key(samples: Samples, key: tuple[int, ...]) -> Samples:
    """Alpha of a picture in which one colour is transparent."""
    visible = (samples != np.array(key, np.uint16)).any(axis=2)
    return np.where(visible, np.uint16(65535), np.uint16(0)).astype(np.uint16)
