"""Photos: read upright into RGB, and written back the way they came, with profile and camera data."""

from __future__ import annotations

import io
import secrets
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from .errors import PhotoError
from .photo_formats import (
    BROKEN,
    FORMAT_OF_SUFFIX,
    FORMATS,
    clean_exif,
    is_lossless_webp,
    jpeg_options,
    plain_mode,
    save_options,
    turn_upright,
)

_STRIP_ROWS = 512
MAX_PIXELS = 120_000_000
_NAMES = "JPEG, PNG, TIFF or WebP"
_open_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo.

    ``pixels`` is uint8 [H, W, 3], upright RGB in the photo's own colour space (a grey photo has three
    equal channels); ``format`` is "JPEG", "PNG", "TIFF" or "WEBP"; ``mode`` is "RGB", "RGBA", "L" or "LA",
    and ``alpha`` uint8 [H, W] where it has one. ``save_options`` keep what write_photo needs to write the
    same kind of file: the ICC profile, the EXIF without its orientation, the JPEG tables, and so on.
    """

    pixels: NDArray[np.uint8]
    path: Path
    format: str
    mode: str = "RGB"
    alpha: NDArray[np.uint8] | None = None
    save_options: Mapping[str, Any] = field(default_factory=dict)


def read_photo(path: Path | str) -> Photo:
    """Read a JPEG, PNG, TIFF or WebP photo with 8 bits a channel, RGB or grey, with or without alpha.

    The EXIF orientation is applied once. Raises PhotoError, naming the file and the reason, for
    everything else, and for more than 120 megapixels.
    """
    path = Path(path)
    try:
        picture = _open(path)
    except FileNotFoundError as error:
        raise PhotoError(f"'{path}' does not exist: check the name of the photo") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"'{path}' is not a picture that can be read: save it as {_NAMES}") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far more") from error
    except BROKEN as error:
        raise PhotoError(f"'{path}' cannot be read: {_reason(error)}") from error
    with picture:
        try:
            return _decode(picture, path)
        except (*BROKEN, MemoryError) as error:
            raise PhotoError(f"'{path}' is damaged or cut short: {_reason(error)}") from error


def write_photo(photo: Photo, pixels: NDArray[np.uint8], path: Path | str) -> None:
    """Write ``pixels``, uint8 [H, W, 3], as a picture of the photo's kind, atomically.

    The format follows the suffix of ``path``; mode, alpha, ICC profile, EXIF and resolution are the photo's.
    A JPEG from a JPEG takes its tables, otherwise quality 95. Raises PhotoError where that cannot be done;
    then nothing is left behind.
    """
    path = Path(path)
    format = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if format is None:
        raise PhotoError(f"'{path}' must end like a {_NAMES} file, such as .jpg or .png")
    if photo.alpha is not None and format == "JPEG":
        raise PhotoError(f"'{path}' cannot be a JPEG, which has no transparency: name it .png")
    if pixels.shape != photo.pixels.shape or pixels.dtype != np.uint8:
        raise PhotoError(
            f"'{path}' cannot be written from {pixels.dtype} {pixels.shape}: "
            f"give uint8 {photo.pixels.shape}, like '{photo.path}'"
        )
    picture = _to_picture(photo, pixels)
    # Next to its target: so renaming is atomic, and the file gets the ordinary permissions.
    temporary = path.with_name(f".{path.stem[:80]}.{secrets.token_hex(4)}.part")
    try:
        # Not straight into the file: Pillow does not notice when a full disk takes only part of a write.
        content = io.BytesIO()
        picture.save(content, format, **save_options(photo.save_options, format))
        with temporary.open("xb") as stream:
            stream.write(content.getbuffer())
        temporary.replace(path)
    except BROKEN as error:
        raise PhotoError(f"'{path}' cannot be written: {_reason(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _open(path: Path) -> ImageFile.ImageFile:
    # Pillow warns from 89 megapixels on; the limit here is our own. The lock is for the warnings' filters.
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _decode(picture: ImageFile.ImageFile, path: Path) -> Photo:
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(path, f"{picture.width * picture.height / 1e6:.0f}")
    _refuse_kind(picture, path)
    format = "JPEG" if picture.format == "MPO" else str(picture.format)
    options = jpeg_options(picture) if format == "JPEG" else {}
    if format == "WEBP":
        options["lossless"] = is_lossless_webp(path)
    exif = clean_exif(picture)  # before loading, which closes the file
    picture.load()
    turn_upright(picture)
    for key, value in (
        ("icc_profile", picture.info.get("icc_profile")),
        ("exif", exif),
        ("xmp", picture.info.get("xmp")),
        ("dpi", picture.info.get("dpi")),
        ("compression", picture.info.get("compression") if format == "TIFF" else None),
    ):
        if value:
            options[key] = value
    plain = plain_mode(picture)
    colour = plain if plain.mode in ("RGB", "L") else plain.convert(plain.mode.rstrip("A"))
    pixels = _pixels(colour if colour.mode == "RGB" else colour.convert("RGB"))
    alpha = np.asarray(plain.getchannel("A")) if plain.mode.endswith("A") else None
    return Photo(pixels, path, format, plain.mode, alpha, options)


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """An RGB picture as an array of its own, filled in strips: large photos are not held once more."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, picture.height)
        pixels[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return pixels


def _too_large(path: Path, megapixels: str) -> PhotoError:
    limit = f"{MAX_PIXELS / 1e6:.0f}"
    return PhotoError(f"'{path}' has {megapixels} megapixels, over the limit of {limit}: make it smaller")


def _refuse_kind(picture: ImageFile.ImageFile, path: Path) -> None:
    """Raise PhotoError for pictures whose pixels this version cannot give back as they were."""
    bits = getattr(picture, "tag_v2", {}).get(258, 8)
    deep = picture.mode[0] in "IF" or any(";16" in str(tile) for tile in picture.tile)
    if deep or (max(bits) if isinstance(bits, tuple) else bits) > 8:
        raise PhotoError(f"'{path}' has more than 8 bits a channel: save it with 8 bits a channel first")
    if picture.mode not in ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1"):
        raise PhotoError(f"'{path}' is in the colour mode {picture.mode}: save it as RGB first")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":
        raise PhotoError(
            f"'{path}' holds {frames} pictures (an animation or pages): save the one to age alone"
        )


def _to_picture(photo: Photo, pixels: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if photo.mode.startswith("L"):
        picture = picture.convert("L")  # gives back equal channels exactly
    if photo.alpha is not None:
        picture.putalpha(Image.fromarray(photo.alpha))
    return picture


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
