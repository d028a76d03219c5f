"""Frames in OpenEXR: scene-linear light in half or float, aged without changing any other sample.

The network gets a frame as 8-bit sRGB: its light, 1.0 being white, in the primaries of Rec. 709 and through
the sRGB curve, clipped at white. Its change is added on that curve, extended above white, and converted back
to light. Channels, parts and attributes are kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError, VideoError
from ..files import whole_file
from .picture import StillPicture
from .primaries import to_rec709

Floats = NDArray[np.float32]
MAX_SIDE_PX, MAX_PIXELS = 16384, 16384 * 8704
NEW_CODES = ("B44_COMPRESSION", "B44A_COMPRESSION", "DWAA_COMPRESSION", "DWAB_COMPRESSION")
"""Lossy compressions, which would change every sample again: their frames are written as ZIP."""
_CURVE_BEGINS, _LIGHT_BEGINS = 0.04045, 0.0031308


class ExrPicture(StillPicture):
    """An OpenEXR frame: ``pixels`` are the network's input; changes are added to the file's samples.

    The picture is the display window: data outside it are kept, and parts of it without data are black.
    """

    def __init__(self, path: Path) -> None:
        """Read a frame; raises VideoError, MissingDependencyError."""
        self.path = path
        with _reading(path) as exr:
            names = _checked_names(exr, path)
            self._file = exr.File(str(path), separate_channels=True)
            if [
                set(part.channels) for part in self._file.parts
            ] != names:  # the library only prints the reason
                raise VideoError(f"'{path}' is damaged or cut short: create it again")
            part = _colour_part(self._file, path)
            header = part.header
            self._channels = _colours(part, path)
            self._alpha = _alpha(part, self._channels[0].shape)
            (left, top), (right, bottom) = (np.asarray(one, int) for one in header["displayWindow"])
            self._data = np.asarray(header["dataWindow"][0], int) - (left, top)
            in_colour = len(self._channels) == 3
            self._to709 = to_rec709(header.get("chromaticities"), path) if in_colour else None
        super().__init__(np.zeros((bottom - top + 1, right - left + 1, 3), np.uint8))
        self._draw()

    @property
    def nbytes(self) -> int:
        """Size in memory in bytes."""
        return int(self.pixels.nbytes + sum(one.nbytes for one in self._channels))

    def add(self, x0: int, y0: int, change: Floats) -> None:
        """Add a change, float32 [h, w, 3] in code values of 8-bit sRGB, from pixel x0, y0 on."""
        found = self._inside(x0, y0, change.shape[1], change.shape[0])
        if found is None:
            return
        here, there = found
        codes = change[here] if len(self._channels) == 3 else change[here].mean(axis=2, keepdims=True)
        own = np.stack([one[there] for one in self._channels], axis=-1).astype(np.float32)
        meant = codes.any(axis=2) & np.isfinite(own).all(axis=2)
        if not meant.any():
            return
        light = self._as_rec709(own[meant])
        added = to_light(to_codes(light) + codes[meant] / np.float32(255.0)) - light
        if self._to709 is not None:
            added = added @ np.linalg.inv(self._to709).T
        if self._alpha is not None:  # stored light is premultiplied by alpha
            added *= np.clip(self._alpha[there][meant], 0.0, 1.0).astype(np.float32)[:, None]
        for number, channel in enumerate(self._channels):
            most = float(np.finfo(channel.dtype).max)
            channel[there][meant] = np.clip(own[meant][:, number] + added[:, number], -most, most)
        self.changed = True

    def write(self, output: Path) -> None:
        """Write the frame with its changes, atomically; one without changes is copied.

        Raises VideoError if it cannot be written.
        """
        exr = load_exr(self.path)
        try:
            with whole_file(output) as temporary:
                if not self.changed:
                    temporary.write_bytes(self.path.read_bytes())
                    return
                for part in self._file.parts:
                    if any(part.header.get("compression") == getattr(exr, name) for name in NEW_CODES):
                        part.header["compression"] = exr.ZIP_COMPRESSION
                self._file.write(str(temporary))
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise VideoError(f"'{output}' cannot be written ({_reason(error)}): check the folder") from error

    def _draw(self) -> None:
        """Convert the data to the network's input."""
        found = self._inside(0, 0, self.width, self.height)
        if found is None:
            return
        here, there = found
        if self._to709 is None:  # most files: by a table, channel by channel
            for number in range(3):
                one = self._channels[min(number, len(self._channels) - 1)][there]
                self.pixels[here][..., number] = _seen(one)
            return
        light = self._as_rec709(np.stack([one[there] for one in self._channels], -1).astype(np.float32))
        self.pixels[here] = _seen(light)

    def _as_rec709(self, own: Floats) -> Floats:
        return own if self._to709 is None else np.asarray(own @ self._to709.T, np.float32)

    def _inside(self, x: int, y: int, width: int, height: int) -> tuple[Any, Any] | None:
        """The data window in a part of the picture: rows and columns of the part, and of the channels."""
        x, y = x - int(self._data[0]), y - int(self._data[1])
        rows, columns = self._channels[0].shape
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, columns), min(y + height, rows)
        if left >= right or top >= bottom:
            return None
        here = slice(top - y, bottom - y), slice(left - x, right - x)
        return here, (slice(top, bottom), slice(left, right))


def load_exr(path: Path) -> Any:
    """Import the OpenEXR package; raises MissingDependencyError, naming the frame, if it is not installed."""
    try:
        import OpenEXR
    except ImportError as error:
        raise MissingDependencyError(
            f"'{path}' needs OpenEXR, which is not installed: pip install 'amgan[exr]'"
        ) from error
    return OpenEXR


def to_codes(light: Floats) -> Floats:
    """Encode light (1 is white) with the sRGB curve, extended above 1 and mirrored for negative light."""
    amount = np.abs(light)
    curved = 1.055 * np.power(np.maximum(amount, _LIGHT_BEGINS), 1 / 2.4) - 0.055
    codes = np.where(amount <= _LIGHT_BEGINS, 12.92 * amount, curved)
    return np.copysign(codes, light).astype(np.float32)


def to_light(codes: Floats) -> Floats:
    """The inverse of `to_codes`."""
    amount = np.abs(codes)
    curved = np.power((np.maximum(amount, _CURVE_BEGINS) + 0.055) / 1.055, 2.4)
    light = np.where(amount <= _CURVE_BEGINS, amount / 12.92, curved)
    return np.copysign(light, codes).astype(np.float32)


def _seen(light: NDArray[Any]) -> NDArray[np.uint8]:
    """Light as 8-bit sRGB codes, from half precision."""
    with np.errstate(over="ignore"):
        half = np.ascontiguousarray(light, np.float16)
    return np.asarray(_table()[half.view(np.uint16)])


@cache
def _table() -> NDArray[np.uint8]:
    """The 8-bit code of every half-precision value; NaN is black."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    light = np.clip(np.nan_to_num(halves, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    return np.rint(255.0 * to_codes(light)).astype(np.uint8)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[Any]:
    exr = load_exr(path)
    try:
        yield exr
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise VideoError(
            f"'{path}' is no readable OpenEXR frame, or is cut short ({_reason(error)}): create it again"
        ) from error


def _checked_names(exr: Any, path: Path) -> list[set[str]]:
    """The channel names of each part, from the headers.

    Raises VideoError for sizes over the limits and kinds of images that cannot be kept.
    """
    found = []
    for part in exr.File(str(path), separate_channels=True, header_only=True).parts:
        tiles = part.header.get("tiles")
        if part.header.get("type") not in (None, exr.scanlineimage, exr.tiledimage):
            raise VideoError(f"'{path}' is a deep image: flatten it first")
        if tiles is not None and tiles.mode != exr.ONE_LEVEL:
            raise VideoError(f"'{path}' holds its picture in several sizes: write it in one first")
        for window in (part.header["dataWindow"], part.header["displayWindow"]):
            width, height = (
                int(side) for side in np.asarray(window[1], int) - np.asarray(window[0], int) + 1
            )
            if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
                raise VideoError(
                    f"'{path}' has {width}x{height} px, more than {MAX_SIDE_PX} px: make it smaller first"
                )
        found.append({channel.name for channel in part.header["channels"]})
    return found


def _colour_part(file: Any, path: Path) -> Any:
    """The first part with colour or luminance channels."""
    for part in file.parts:
        if {"R", "G", "B"} <= set(part.channels):
            return part
    for part in file.parts:
        if set(part.channels) & {"Y"} and not {"RY", "BY"} & set(part.channels):
            return part
    raise VideoError(f"'{path}' holds no channels R, G and B, nor Y alone: write it with these first")


def _colours(part: Any, path: Path) -> list[NDArray[Any]]:
    """The names of its channels R, G and B, or only Y."""
    names = ("R", "G", "B") if "R" in part.channels else ("Y",)
    found = [np.asarray(part.channels[name].pixels) for name in names]
    if any(one.dtype.kind != "f" or one.ndim != 2 or one.shape != found[0].shape for one in found):
        raise VideoError(f"'{path}' has colours that are not half or float of one size: write it so first")
    return found


def _alpha(part: Any, shape: tuple[int, ...]) -> NDArray[Any] | None:
    alpha = part.channels.get("A")
    if alpha is None or alpha.pixels.shape != shape or alpha.pixels.dtype.kind != "f":
        return None
    return np.asarray(alpha.pixels)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
