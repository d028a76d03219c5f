"""Reading photos: upright sRGB pixels, and everything needed to write the photo back."""

from __future__ import annotations

import contextlib
import stat
import threading
import warnings
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import PhotoError
from .colour import SrgbSpace, colour_space, srgb_pixels, strip_sums
from .data import Decoded, JpegDecoder, Photo
from .formats import FORMATS, NAMES, is_lossless_webp, jpeg_options, plain_mode, turn_upright
from .gpu_jpeg import can_decode
from .limits import check_kind, too_large
from .metadata import (
    BROKEN,
    MetadataPolicy,
    clean_exif,
    iptc_of,
    orientation_of,
    png_chunks,
    without,
    without_payloads,
)
from .plugins import kind_of, load_plugin
from .read16 import read_16_bit

NEEDED_BYTES_PER_PIXEL = 17
_STRIP_ROWS = 512
_OTHER_KINDS = {
    b"GIF8": "a GIF", b"\0\0\0\x0cjP  ": "a JPEG 2000", b"\0\0\0\x0cJXL ": "a JPEG XL",
    b"\xff\x0a": "a JPEG XL", b"8BPS": "a Photoshop file", b"P5": "a PGM", b"P6": "a PPM",
    b"II*\0": "a TIFF of another kind", b"MM\0*": "a TIFF of another kind",
    b"\xff\xd8\xff": "a broken JPEG", b"\x89PNG": "a broken PNG", b"<svg": "a drawing (SVG)",
    b"%PDF": "a PDF", b"PK\3\4": "a ZIP archive", b"<html": "a web page",
}  # fmt: skip
"""Other kinds of files that users pass as photos, by their first bytes."""
_open_lock = threading.Lock()


def read_photo(
    path: Path | str, metadata: MetadataPolicy = "keep", decoder: JpegDecoder | None = None
) -> Photo:
    """Read a JPEG, PNG, TIFF, WebP or BMP photo, or HEIC or AVIF where the extra for them is installed.

    ``pixels`` are converted to sRGB and turned upright. ``metadata`` is "keep", "strip-gps" or "strip" (see
    metadata.py). ``decoder`` decodes JPEGs in RGB. Raises PhotoError, naming the file
    and the reason, for files that cannot be read or could not be written back, and over the limits of
    limits.py.
    """
    if not isinstance(path, str | PathLike):
        raise PhotoError(f"{path!r} is no name of a photo: give its path")
    path = path if isinstance(path, Path) else Path(path)
    try:
        stamp = stamp_of(path)
        picture = _open(path)
    except FileNotFoundError as error:
        raise PhotoError(f"'{path}' does not exist: check the name of the photo") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"'{path}' {_what_it_is(path)}: save it as {NAMES}") from error
    except Image.DecompressionBombError as error:
        raise too_large(path, "far more") from error
    except BROKEN as error:
        raise PhotoError(f"'{path}' cannot be read: {reason_of(error)}") from error
    with picture, contextlib.closing(cast(IO[bytes], picture.fp)):
        try:
            photo = _decode(picture, path, metadata, decoder)
        except MemoryError as error:
            need = picture.width * picture.height * NEEDED_BYTES_PER_PIXEL / 2**30
            raise PhotoError(
                f"there is not enough memory for '{path}': it needs about {need:.1f} GiB"
            ) from error
        except BROKEN as error:
            raise PhotoError(f"'{path}' is damaged or cut short: {reason_of(error)}") from error
    return replace(photo, strip_sums=strip_sums(photo.pixels), stamp=stamp, metadata=metadata)


def _what_it_is(path: Path) -> str:
    """What a file is that holds no picture of a format that is read; raises PhotoError for an empty one."""
    head = b""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        head = stream.read(16)
        if not head:
            raise PhotoError(f"'{path}' is empty: copy it again, or give another file")
    kind = next((name for start, name in _OTHER_KINDS.items() if head.startswith(start)), "")
    return "is not a picture that can be read" + (f", but {kind}" if kind else "")


def stamp_of(path: Path) -> tuple[int, int]:
    """Size in bytes and modification time in ns of a file; raises OSError."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def reason_of(error: BaseException) -> str:
    """The text of an error as one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "MAX_TEXT" in text:
        return "its texts or profile decompress to more than 1 MiB"
    return "its picture data are broken" if text.startswith("decoder error") else text


def _open(path: Path) -> ImageFile.ImageFile:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"it is {'a folder' if path.is_dir() else 'no regular file'}")
    kind = kind_of(path)
    if kind:
        load_plugin(kind, path)
    # Pillow warns from 89 megapixels on and of odd metadata; the limit here is our own. Warning filters are
    # global, hence the lock.
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = path.open("rb")  # not the path, which Pillow would resolve: a file in memory has none
        try:
            picture = Image.open(stream, formats=(kind,) if kind else FORMATS)
        except BaseException:
            stream.close()
            raise
        return picture


def _decode(
    picture: ImageFile.ImageFile, path: Path, metadata: MetadataPolicy, decoder: JpegDecoder | None
) -> Photo:
    deep = check_kind(picture, path)
    format = "JPEG" if picture.format == "MPO" else str(picture.format)
    exif, orientation = clean_exif(picture), orientation_of(picture)  # before loading, which closes the file
    options = _format_options(picture, format, path)
    decoded = None if decoder is None or deep else _decoded(picture, path, decoder)
    given = None if decoded is None else decoded.samples
    loaded: Image.Image = picture
    if deep:
        colour, alpha = read_16_bit(picture, lambda: _open(path))
        mode = {2: "L", 3: "RGB", 4: "CMYK"}[colour.ndim if colour.ndim == 2 else colour.shape[2]]
    else:
        loaded = _loaded(picture, given)
        turn_upright(loaded)
        plain = plain_mode(loaded)
        mode = plain.mode.rstrip("A")
    options = without(options | _beside_pixels(loaded, exif), metadata)
    if orientation != 1:
        options["orientation"] = orientation
    space = colour_space(mode, options.get("icc_profile"))
    if deep:
        space = space or SrgbSpace()
        kept = mode if alpha is None else mode + "A"
        pixels = srgb_pixels(space, colour)
        return Photo(pixels, path, format, kept, alpha, options, colour, space)
    alpha = np.asarray(plain.getchannel("A")) if plain.mode.endswith("A") else None
    bands = plain if plain.mode == mode else plain.convert(mode)
    used = None if given is None else decoder
    upright = given if orientation == 1 else None
    if space is None:
        pixels = _samples(bands if mode == "RGB" else bands.convert("RGB")) if upright is None else upright
        if used is not None and decoded is not None:
            used.keep(pixels, decoded.picture, orientation)
        return Photo(pixels, path, format, plain.mode, alpha, options, decoder=used)
    codes = _samples(bands) if upright is None else upright
    pixels = srgb_pixels(space, codes)
    return Photo(pixels, path, format, plain.mode, alpha, options, codes, space, decoder=used)


def _loaded(picture: ImageFile.ImageFile, given: NDArray[np.uint8] | None) -> Image.Image:
    """An opened picture with its samples, or with those that are given."""
    if given is None:
        picture.load()
        return picture
    loaded = Image.fromarray(given)
    loaded.info = picture.info
    return loaded


def _decoded(picture: ImageFile.ImageFile, path: Path, decoder: JpegDecoder) -> Decoded | None:
    """The stored samples of a file, uint8 [H, W, 3], by ``decoder``; None: Pillow decodes it."""
    content = path.read_bytes() if picture.format == "JPEG" else b""
    if not can_decode(picture, content):
        return None
    found = decoder.decode(content)
    fits = found is not None and found.samples.shape == (picture.height, picture.width, 3)
    return found if fits else None


def _format_options(picture: ImageFile.ImageFile, format: str, path: Path) -> dict[str, Any]:
    """Save options that depend on the file's format, of a picture that is not loaded yet."""
    if format == "JPEG":
        found = {"iptc": iptc_of(picture), "comment": picture.info.get("comment")}
        return jpeg_options(picture) | {key: value for key, value in found.items() if value}
    if format == "PNG":
        chunks = list(png_chunks(path))
        colours = tuple(one for one in chunks if not one[0].endswith(b"Xt"))
        texts = tuple(one for one in chunks if one[0].endswith(b"Xt"))
        return {"png_colour": colours, "png_texts": texts}
    if format == "HEIF":
        return {"chroma": picture.info["chroma"]} if picture.info.get("chroma") else {}
    return {"lossless": is_lossless_webp(path)} if format == "WEBP" else {}


def _beside_pixels(picture: Image.Image, exif: bytes | None) -> dict[str, Any]:
    """Profile, EXIF and resolution of a picture that is loaded and upright."""
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    found = {
        "icc_profile": picture.info.get("icc_profile"),
        "exif": exif,
        "xmp": without_payloads(xmp) if xmp else None,
        "dpi": picture.info.get("dpi"),
        "compression": picture.info.get("compression") if picture.format == "TIFF" else None,
    }
    return {key: value for key, value in found.items() if value}


def _samples(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture as a new array, filled in strips to avoid another copy of large photos."""
    bands = len(picture.getbands())
    shape = (picture.height, picture.width) if bands == 1 else (picture.height, picture.width, bands)
    samples = np.empty(shape, np.uint8)
    for top in range(0, picture.height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, picture.height)
        samples[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return samples
