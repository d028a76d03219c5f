"""Writing a JPEG from another JPEG: only changed blocks get new coefficients."""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from .data import JpegDecoder, JpegEncoder
from .formats import save_options
from .jpeg_blocks import KeptBlocksError, NeedsJpeglibError, change_blocks
from .jpeg_segments import with_metadata_of
from .metadata import BROKEN

# The inverse of each orientation's transform (EXIF 2.3, tag 274).
_TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_STRIP_ROWS = 256
_MAX_WHOLE_PX = 16_000_000
_log = logging.getLogger(__name__)


def changed_jpeg(
    source: bytes,
    wanted: Callable[[], Image.Image | NDArray[np.uint8]],
    kept: Mapping[str, Any],
    known: NDArray[np.uint8] | None = None,
    decoder: JpegDecoder | None = None,
) -> bytes | None:
    """The JPEG ``source`` with another picture in it, or None if its blocks cannot be kept.

    ``wanted`` returns that picture, or its samples, upright, RGB or grey, in the file's own colour space;
    ``kept`` are the photo's save options; ``known`` are the upright samples of ``source``, if available.
    ``decoder`` has decoded them; None stands for Pillow. The file keeps its stored orientation and stays
    progressive if it was. The pixels outside the changed blocks are compared with those of ``source`` before
    the file is returned.
    """
    try:
        before, orientation, progressive = _open(source, known, decoder)
        after = _turned_back(wanted(), orientation)
        if before.shape != after.shape:
            raise KeptBlocksError(f"it decodes to {before.shape}, not {after.shape}")
        blocks, touched = change_blocks(source, before, after, progressive=progressive)
        del after
        content = with_metadata_of(blocks, source, _texts(kept, orientation))
        if decoder is None:
            _check(content, before, touched)
        else:
            _check_by(decoder, content, source, before, touched)
        return content
    except NeedsJpeglibError as error:
        _advise(str(error))
        return None
    except (KeptBlocksError, *BROKEN) as error:
        _log.debug("the whole picture is encoded again: %s", error)
        return None


@functools.cache
def _advise(reason: str) -> None:
    """Say once a process how blocks would be kept."""
    _log.warning(
        "a JPEG is encoded again as a whole, as %s: pip install 'amgan[progressive]', which keeps its blocks",
        reason,
    )


def encoded_jpeg(
    samples: NDArray[np.uint8],
    kept: Mapping[str, Any],
    encoder: JpegEncoder,
    before: NDArray[np.uint8] | None = None,
) -> bytes | None:
    """A JPEG of samples, uint8 [H, W, 3] RGB, with the save options ``kept``, as Pillow would write it.

    ``before`` are the samples of the photo that was changed. None if they need Pillow: own tables,
    progressive scans, or another sampling than the encoder has.
    """
    options = save_options(kept, "JPEG")
    if "qtables" in options or options.get("progressive"):
        return None
    content = encoder(samples, options["quality"], options["subsampling"], before)
    if content is None:
        return None
    texts = _texts(kept, 1)
    return with_metadata_of(content, texts, texts)


def _open(
    source: bytes, known: NDArray[np.uint8] | None, decoder: JpegDecoder | None
) -> tuple[NDArray[np.uint8], int, bool]:
    """The samples of a JPEG in the stored orientation, that orientation, and whether it is progressive."""
    with Image.open(io.BytesIO(source), formats=("JPEG",)) as picture:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        orientation = orientation if orientation in _TURN_BACK else 1
        bands = 1 if known is None or known.ndim == 2 else known.shape[2]
        usable = known is not None and orientation == 1 and picture.mode == {1: "L", 3: "RGB"}[bands]
        progressive = bool(picture.info.get("progressive"))
        if known is not None and usable:
            return known, orientation, progressive
        if known is not None and decoder is not None:
            return _turned_back(known, orientation), orientation, progressive
        before = np.asarray(picture) if decoder is None else decoder(source)
        if before is None:
            raise KeptBlocksError("the decoder that read it does not any more")
        return before, orientation, progressive


def _turned_back(picture: Image.Image | NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if isinstance(picture, np.ndarray):
        if orientation == 1:
            return picture
        picture = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(picture if orientation == 1 else picture.transpose(_TURN_BACK[orientation]))


def _check_by(
    decoder: JpegDecoder,
    content: bytes,
    source: bytes,
    before: NDArray[np.uint8],
    touched: NDArray[np.bool_],
) -> None:
    """`_check` of a JPEG made of ``source``, for samples ``before`` that ``decoder`` found in that.

    If it finds other pixels in the new file, Pillow decodes both.
    """
    found = decoder(content)
    if found is None or not _agree(found, before, touched):
        with Image.open(io.BytesIO(source), formats=("JPEG",)) as picture:
            before = np.asarray(picture)
        _check(content, before, touched)


def _check(content: bytes, before: NDArray[np.uint8], touched: NDArray[np.bool_]) -> None:
    """Raise KeptBlocksError if a JPEG differs from ``before`` in pixels that are not ``touched``.

    OpenCV decodes in half of Pillow's time, but the picture at once; Pillow, which has decoded ``before``,
    decides where OpenCV finds other pixels.
    """
    if before.ndim == 3 and touched.size <= _MAX_WHOLE_PX and _is_kept(content, before, touched):
        return
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as written:
        for top in range(0, len(before), _STRIP_ROWS):
            rows = slice(top, top + _STRIP_ROWS)
            strip = np.array(written.crop((0, top, written.width, min(top + _STRIP_ROWS, written.height))))
            if touched[rows].any():
                cv2.copyTo(before[rows], touched[rows].view(np.uint8), strip)
            if not np.array_equal(strip, before[rows]):
                raise KeptBlocksError("another decoder finds other pixels in it")


def _is_kept(content: bytes, before: NDArray[np.uint8], touched: NDArray[np.bool_]) -> bool:
    """Whether OpenCV finds the pixels of ``before`` outside of ``touched``; one before 4.11 does not look."""
    in_rgb = getattr(cv2, "IMREAD_COLOR_RGB", None)
    if in_rgb is None:
        return False
    found = cv2.imdecode(np.frombuffer(content, np.uint8), in_rgb | cv2.IMREAD_IGNORE_ORIENTATION)
    return found is not None and _agree(np.asarray(found, np.uint8), before, touched)


def _agree(found: NDArray[np.uint8], before: NDArray[np.uint8], touched: NDArray[np.bool_]) -> bool:
    """Whether two pictures are the same outside of ``touched``; the first one is overwritten inside."""
    if found.shape != before.shape:
        return False
    cv2.copyTo(before, touched.view(np.uint8), found)
    return cv2.norm(found, before, cv2.NORM_INF) == 0


def _texts(kept: Mapping[str, Any], orientation: int) -> bytes:
    """A one-pixel JPEG with the photo's metadata and orientation."""
    options = save_options(kept, "JPEG")
    if orientation != 1:
        exif = Image.Exif()
        exif.load(options.get("exif", b""))
        exif[ExifTags.Base.Orientation] = orientation
        options["exif"] = exif.tobytes()
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "JPEG", **{**options, "qtables": None, "quality": 75})
    return stream.getvalue()
