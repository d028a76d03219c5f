"""Files of aging maps that can be edited: greyscale PNG or a NumPy array.

A file covers the canonical frame of a face; it is square, with any side from 16 to 4096. It holds the wanted
age in years of every pixel: in an 8-bit PNG the grey value is in years, in a 16-bit PNG in 1/256 years, in a
.npy the numbers are years. 0 (or NaN in a .npy) means no change. Pixels outside the face have no effect.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UsageError
from ..files import whole_file

MIN_SIDE = 16
MAX_SIDE = 4096
STEPS_PER_YEAR_16_BIT = 256

_KINDS = "an 8-bit or 16-bit greyscale .png, or a .npy of years"


@dataclass(frozen=True, eq=False)
class WantedMap:
    """Wanted ages over the canonical frame: ``years`` float32 [S, S], 0 for no change.

    ``source`` names the file in error messages.
    """

    years: NDArray[np.float32]
    source: str = "the map"

    def check_range(self, age_range: tuple[float, float]) -> None:
        """Raise UsageError if the map has ages outside ``age_range``, in years."""
        asked = self.years[self.years != 0]
        low, high = age_range
        if asked.size and not (low <= asked.min() and asked.max() <= high):
            raise UsageError(
                f"'{self.source}' asks for ages of {asked.min():.3g} to {asked.max():.3g} years: ask for "
                f"{low:g} to {high:g}, or 0 where the skin is to stay as it is (an 8-bit PNG holds years, a "
                f"16-bit one years times {STEPS_PER_YEAR_16_BIT})"
            )


def read_map_file(path: Path | str) -> WantedMap:
    """Read a map; raises UsageError for a file that is no map or has an invalid size."""
    path = path if isinstance(path, Path) else Path(path)
    readers = {".png": _read_png, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise UsageError(f"'{path}' is no map: give {_KINDS}")
    try:
        years = readers[path.suffix.lower()](path)
    except FileNotFoundError as error:
        raise UsageError(f"the map '{path}' does not exist: check the name of the file") from error
    except (OSError, ValueError, EOFError, SyntaxError, UnidentifiedImageError) as error:
        raise UsageError(f"the map '{path}' cannot be read or is damaged: give {_KINDS}") from error
    _check_shape(years, path)
    if np.isinf(years).any() or (years < 0).any():
        raise UsageError(f"the map '{path}' holds infinite or negative ages: give years, or 0 for no change")
    years = np.nan_to_num(years.astype(np.float32), nan=0.0)
    if not years.any():
        raise UsageError(f"the map '{path}' asks for nothing, it is 0 everywhere: paint years into it")
    return WantedMap(years, str(path))


def check_map_target(path: Path) -> None:
    """Raise UsageError if `write_map_file` cannot write a file of this name."""
    if path.suffix.lower() not in (".png", ".npy"):
        raise UsageError(f"'{path}' cannot hold a map: name it .png or .npy")


def write_map_file(years: NDArray[np.floating], path: Path | str) -> Path:
    """Write ages in years [S, S] as an 8-bit .png (rounded to whole years) or a .npy (exact), atomically.

    Returns the path; raises UsageError for another suffix or shape, or if it cannot be written.
    """
    path = Path(path)
    check_map_target(path)
    suffix = path.suffix.lower()
    _check_shape(years, path)
    try:
        with whole_file(path, suffix) as temporary:
            temporary.write_bytes(encode_map(years, suffix))
    except OSError as error:
        raise UsageError(
            f"the map '{path}' cannot be written ({error.strerror}): check the folder"
        ) from error
    return path


def encode_map(years: NDArray[np.floating], suffix: str) -> bytes:
    """The content of the file that `write_map_file` writes for ages in years [S, S]."""
    content = io.BytesIO()
    if suffix == ".png":
        Image.fromarray(np.clip(np.rint(years), 0, 255).astype(np.uint8)).save(content, "PNG")
    else:
        np.save(content, years.astype(np.float32))
    return content.getvalue()


def _check_shape(years: NDArray[np.floating], path: Path) -> None:
    if years.ndim != 2 or years.shape[0] != years.shape[1] or not MIN_SIDE <= years.shape[0] <= MAX_SIDE:
        size = " x ".join(str(side) for side in reversed(years.shape)) or "a single number"
        raise UsageError(
            f"the map '{path}' is {size}: it must be square, the canonical frame with any side from "
            f"{MIN_SIDE} to {MAX_SIDE}"
        )


def _read_png(path: Path) -> NDArray[np.float64]:
    with Image.open(path, formats=("PNG",)) as picture:
        if max(picture.size) > MAX_SIDE:  # before decoding, as it may be huge
            return np.zeros((picture.height, picture.width))
        values = np.asarray(picture, np.float64)
        if picture.mode.startswith("I"):  # 16 bits; the exact mode depends on Pillow's version
            return values / STEPS_PER_YEAR_16_BIT
        if picture.mode == "L":
            return values
    raise UsageError(f"the map '{path}' is no plain greyscale picture ({picture.mode}): save it as {_KINDS}")


def _read_npy(path: Path) -> NDArray[np.float64]:
    values = np.load(path, allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise UsageError(f"the map '{path}' does not hold numbers: give {_KINDS}")
    return values.astype(np.float64)
