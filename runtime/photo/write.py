"""Writing photos atomically in their own format, and never through a link out of the output folder."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PhotoError
from ..files import check_writable, whole_file
from .colour import STRIP_ROWS, SrgbSpace, changed_samples, eight_bits, has_sums, strip_sums
from .data import JpegEncoder, Photo
from .formats import (
    FORMAT_OF_SUFFIX,
    HOLDS_16_BITS,
    HOLDS_CMYK,
    MAX_SIDE_PX,
    NAMES,
    NO_ALPHA,
    save_options,
)
from .metadata import BROKEN
from .plugins import load_plugin
from .read import reason_of, stamp_of
from .upright import described_upright
from .write_jpeg import changed_jpeg, encoded_jpeg
from .write_png16 import write_16_bit_png
from .write_tiff16 import write_16_bit_tiff


def write_photo(
    photo: Photo,
    pixels: NDArray[np.uint8],
    path: Path | str,
    *,
    within: Path | str | None = None,
    quality: int | None = None,
    encoder: JpegEncoder | None = None,
) -> None:
    """Write ``pixels``, uint8 [H, W, 3] in sRGB, as a picture of the photo's kind, atomically.

    The format follows the suffix of ``path``; mode, depth, alpha, ICC profile, EXIF and resolution are the
    photo's, as far as that format supports them: a CMYK photo becomes sRGB in a PNG or WebP, and 16 bits per
    channel become 8 except in a PNG or TIFF. Samples whose pixels did not change keep their values. If
    nothing changed and the photo keeps all its metadata, its file is copied. A JPEG from a JPEG gets new
    coefficients only in changed blocks and keeps its stored orientation; if that is not possible, it is
    encoded with the photo's tables and written upright. A JPEG from another format has quality 95. Copying
    and keeping blocks require that the photo's file has not changed since it was read. With a ``quality``, 1
    to 100, neither is done: a JPEG, lossy WebP, HEIC or AVIF is encoded again with it. ``encoder`` encodes
    sRGB photos as JPEGs with a quality, instead of Pillow. With ``within``, the folder of ``path`` must lie
    in that folder after links are resolved. Raises PhotoError; then no file is left behind.
    """
    path = Path(path)
    if within is not None:
        refuse_outside(path, Path(within))
    # Not directly into the file: Pillow does not notice when a full disk takes only part of a write.
    content = encode_photo(photo, pixels, path, quality=quality, encoder=encoder)
    try:
        with whole_file(path) as temporary, temporary.open("xb") as stream:
            stream.write(content)
    except (*BROKEN, MemoryError) as error:
        raise PhotoError(f"'{path}' cannot be written: {reason_of(error)}") from error


def encode_photo(
    photo: Photo,
    pixels: NDArray[np.uint8],
    path: Path | str,
    *,
    quality: int | None = None,
    encoder: JpegEncoder | None = None,
) -> bytes | memoryview:
    """The content of the file that `write_photo` would write as ``path``; raises PhotoError."""
    path = Path(path)
    format = check_target(photo, path)
    if pixels.shape != photo.pixels.shape or pixels.dtype != np.uint8:
        raise PhotoError(
            f"'{path}' cannot be written from {pixels.dtype} {pixels.shape}: "
            f"give uint8 {photo.pixels.shape}, like '{photo.path}'"
        )
    try:
        same = _same_file(photo, pixels, format) if quality is None else None
        return same or _encode(photo, pixels, format, quality, encoder)
    except (*BROKEN, MemoryError) as error:
        raise PhotoError(f"'{path}' cannot be written: {reason_of(error)}") from error


def check_target(photo: Photo, path: Path | str) -> str:
    """Pillow's name of the format in which a photo would be written as ``path``, before any work is done.

    Raises PhotoError if the extension is unknown, or the format has no transparency, takes no photo of this
    size or is not installed.
    """
    path = Path(path)
    format = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if format is None:
        raise PhotoError(f"'{path}' must end like a {NAMES} file, such as .jpg or .png")
    if photo.alpha is not None and format in NO_ALPHA:
        raise PhotoError(f"'{path}' cannot be a {format}, which has no transparency: name it .png")
    longest, longer = MAX_SIDE_PX.get(format), max(photo.pixels.shape[:2])
    if longest is not None and longer > longest:
        raise PhotoError(
            f"'{path}' cannot be a {format}, whose sides have at most {longest} px and not {longer}: name it "
            ".png or .tif"
        )
    if format in ("HEIF", "AVIF"):
        load_plugin(format, path)
    return format


def check_place(path: Path) -> None:
    """Raise PhotoError if no file can be written as ``path``, before any work is done; see check_writable."""
    try:
        check_writable(path)
    except NotADirectoryError as error:
        raise PhotoError(f"'{path}' cannot be written: '{error.filename}' is not a folder") from error
    except OSError as error:
        raise PhotoError(f"'{path}' cannot be written ({error.strerror}): name another output") from error


def refuse_outside(path: Path, folder: Path) -> None:
    """Raise PhotoError if ``path``, with the links of its folders resolved, does not lie in ``folder``.

    Folders that do not exist yet are no links, so they are not checked.
    """
    # Not Path.resolve, which fails at a link that leads to itself.
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(folder)):
        raise PhotoError(
            f"'{path}' leads out of '{folder}' through a link: remove the link, or name its folder"
        )


def _same_file(photo: Photo, pixels: NDArray[np.uint8], format: str) -> bytes | None:
    """The content of the photo's file if it can be copied, else None."""
    if format != photo.format or photo.metadata != "keep" or not has_sums(pixels, photo.strip_sums):
        return None
    return _file_as_read(photo)


def _file_as_read(photo: Photo) -> bytes | None:
    """The content of the photo's file; None if it changed since it was read."""
    try:
        return photo.path.read_bytes() if photo.stamp == stamp_of(photo.path) else None
    except OSError:
        return None


def _samples_as_read(photo: Photo, pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The photo's samples, [H, W, 3] RGB or [H, W] grey, if they are known to be those of its file."""
    if photo.decoder is not None and photo.samples is not None:
        return np.asarray(photo.samples, np.uint8)  # which nothing changes
    is_plain = photo.samples is None and photo.mode in ("RGB", "L")
    if (
        not is_plain
        or np.may_share_memory(pixels, photo.pixels)
        or not has_sums(photo.pixels, photo.strip_sums)
    ):
        return None
    return photo.pixels if photo.mode == "RGB" else np.ascontiguousarray(photo.pixels[..., 0])


def _encode(
    photo: Photo,
    pixels: NDArray[np.uint8],
    format: str,
    quality: int | None,
    encoder: JpegEncoder | None,
) -> bytes | memoryview:
    options = dict(photo.save_options)
    if quality is not None:
        options.pop("qtables", None)
        options["quality"] = quality
    source = _file_as_read(photo) if format == photo.format == "JPEG" and quality is None else None
    if source is not None:
        known = _samples_as_read(photo, pixels)
        wanted = partial(_plain_or_picture, photo, pixels)
        content = changed_jpeg(source, wanted, options, known, photo.decoder)
        if content is not None:
            return content
    height, width = pixels.shape[:2]
    if "orientation" in options:
        options = described_upright(options, width, height)
    if encoder is not None and format == "JPEG" and _is_plain(photo):
        content = encoded_jpeg(pixels, options, encoder, photo.pixels)
        if content is not None:
            return content
    stream = io.BytesIO()
    if photo.is_16_bit and format in HOLDS_16_BITS and not (photo.mode == "CMYK" and format == "PNG"):
        write = write_16_bit_png if format == "PNG" else write_16_bit_tiff
        write(stream, photo.mode, (height, width), _strips_16_bit(photo, pixels), options)
        return stream.getbuffer()
    if photo.mode == "CMYK" and format not in HOLDS_CMYK:
        options.pop("icc_profile", None)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
    else:
        picture = _picture(photo, pixels)
    picture.save(stream, format, **save_options(options, format))
    return stream.getbuffer()


def _plain_or_picture(photo: Photo, pixels: NDArray[np.uint8]) -> Image.Image | NDArray[np.uint8]:
    """The pixels themselves if they need no conversion, else `_picture`."""
    return pixels if _is_plain(photo) else _picture(photo, pixels)


def _is_plain(photo: Photo) -> bool:
    """Whether the photo's own samples are its pixels."""
    return photo.samples is None and photo.mode == "RGB" and photo.alpha is None


def _picture(photo: Photo, pixels: NDArray[np.uint8]) -> Image.Image:
    """The photo with 8 bits a channel, in its own mode and colour space."""
    if photo.samples is None:
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        if photo.mode.startswith("L"):
            picture = picture.convert("L")  # exact for equal channels
    else:
        height, width = pixels.shape[:2]
        mode = photo.mode if photo.mode == "CMYK" else photo.mode.rstrip("A")
        picture = Image.new(mode, (width, height))
        for top, strip in _strips(photo, pixels):
            codes = np.ascontiguousarray(eight_bits(strip))
            picture.paste(Image.frombytes(mode, (width, len(codes)), codes.tobytes()), (0, top))
    if photo.alpha is not None:
        picture.putalpha(Image.fromarray(eight_bits(photo.alpha)))
    return picture


def _strips(photo: Photo, pixels: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[Any]]]:
    """First row and samples, [h, W] or [h, W, C], of strips from the top, in the photo's depth and space."""
    assert photo.samples is not None
    space = photo.space or SrgbSpace()
    sums = strip_sums(pixels) if photo.strip_sums else ()
    for number, top in enumerate(range(0, len(pixels), STRIP_ROWS)):
        rows = slice(top, top + STRIP_ROWS)
        if sums and sums[number] == photo.strip_sums[number]:
            yield top, photo.samples[rows]
        else:
            yield top, changed_samples(space, photo.samples[rows], pixels[rows])


def _strips_16_bit(photo: Photo, pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint16]]:
    """Strips of 16-bit samples from the top, [h, W, C], alpha last."""
    for top, strip in _strips(photo, pixels):
        channels = strip if strip.ndim == 3 else strip[..., None]
        if photo.alpha is not None:
            alpha = photo.alpha[top : top + len(strip), :, None]
            channels = np.concatenate([channels, alpha], axis=2)
        yield channels
