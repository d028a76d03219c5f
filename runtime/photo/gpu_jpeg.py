"""Decodes JPEGs on a GPU by nvImageCodec, where that is installed and decodes as Pillow does."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin

from .data import Decoded, Residents
from .gpu_codec import MOST_APART, SAMPLINGS, GpuCodec, made_picture, options_for

OPTIONS = ":fancy_upsampling=1"
MOST_PIXELS = 50_000_000
"""Larger files take so much of a GPU's memory that decoding may fail."""


class GpuJpegs(GpuCodec):
    """Decodes JPEGs on one GPU; see GpuCodec.

    It is compared with Pillow on made pictures in every supported sampling, and may differ by MOST_APART code
    values.
    """

    what: ClassVar[str] = "decoded"

    def __init__(
        self, gpu: int, load: Callable[[], Any] | None = None, residents: Residents | None = None
    ) -> None:
        """``residents`` are the photos that stay on the GPU (None: none do); see GpuCodec for the others."""
        super().__init__(gpu, load)
        self._residents = residents

    def __call__(self, content: bytes) -> NDArray[np.uint8] | None:
        """The samples of a file, uint8 [H, W, 3] RGB in the stored orientation; None if it cannot."""
        decoded = self.decode(content)
        return None if decoded is None else decoded.samples

    def decode(self, content: bytes) -> Decoded | None:
        """The same, with nvImageCodec's picture, for `keep`."""
        decoded: Decoded | None = self._use(lambda library, decoder: _decode(library, decoder, content))
        return decoded

    def keep(self, pixels: NDArray[np.uint8], decoded: object, orientation: int = 1) -> None:
        """See Residents.keep."""
        if self._residents is not None:
            self._residents.keep(pixels, decoded, orientation)

    def _open(self, library: Any) -> Any:
        return library.Decoder(options=OPTIONS, **options_for(library, self._gpu))

    def _why_not(self, library: Any, coder: Any) -> str:
        distance = apart(lambda content: getattr(_decode(library, coder, content), "samples", None))
        return "" if distance <= MOST_APART else f"it differs from Pillow by {distance:g} code values"


def _decode(library: Any, decoder: Any, content: bytes) -> Decoded | None:
    params = library.DecodeParams(apply_exif_orientation=False, color_spec=library.SRGB)
    picture = decoder.decode(content, params=params)
    samples = None if picture is None else np.array(picture.cpu())
    if samples is None or samples.dtype != np.uint8 or samples.ndim != 3 or samples.shape[2] != 3:
        return None
    return Decoded(samples, picture)


def can_decode(picture: ImageFile.ImageFile, content: bytes) -> bool:
    """Whether a file, which Pillow has opened as ``picture``, is of a kind that is compared with Pillow.

    Its samples must be YCbCr of 8 bits in a sampling of SAMPLINGS, at most MOST_PIXELS, and it must be
    complete: Pillow reports files that are cut short, nvImageCodec may not.
    """
    if picture.format != "JPEG" or picture.mode != "RGB" or not content.endswith(b"\xff\xd9"):
        return False
    if picture.width * picture.height > MOST_PIXELS:
        return False
    layers = [layer[0] for layer in getattr(picture, "layer", ())]
    if layers != [1, 2, 3] or picture.info.get("adobe_transform", 1) != 1:
        return False
    return JpegImagePlugin.get_sampling(picture) in SAMPLINGS  # type: ignore[no-untyped-call, unused-ignore]


def apart(decode: Callable[[bytes], NDArray[np.uint8] | None]) -> float:
    """The largest difference from Pillow in code values on made pictures; infinity if one is not decoded."""
    most = 0.0
    for content in made_jpegs():
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            wanted = np.asarray(picture)
        found = decode(content)
        if found is None or found.shape != wanted.shape:
            return float("inf")
        most = max(most, float(np.abs(found.astype(np.int16) - wanted).max()))
    return most


def made_jpegs() -> Iterator[bytes]:
    """JPEGs of a made picture in every sampling of SAMPLINGS, also progressive."""
    picture = made_picture()
    for sampling in SAMPLINGS:
        for progressive in (False, True):
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=92, subsampling=sampling, progressive=progressive)
            yield stream.getvalue()
