"""Colour spaces of photos: conversion to sRGB for the network, and of the network's change back.

The network reads sRGB. A photo in another space keeps its own samples; the network's change is converted into
that space and added to them, so unchanged pixels keep their exact samples. ICC profiles are applied by
LittleCMS (part of Pillow) with relative colorimetric intent and black point compensation, the default of
image editors.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

STRIP_ROWS = 256
PROFILE_KINDS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_SAME = 1  # a profile that moves no colour by more code values than this counts as sRGB
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_log = logging.getLogger(__name__)

Codes = NDArray[np.uint8]
"""Samples with 8 bits a channel, [H, W] for grey or [H, W, C]."""


class ColourSpace(Protocol):
    """A photo's own colour space, in 8 bits a channel."""

    def to_srgb(self, codes: Codes) -> Codes:
        """Convert ``codes``, uint8 [H, W] or [H, W, C], to sRGB, uint8 [H, W, 3]."""

    def change(self, codes: Codes, before: Codes, after: Codes) -> NDArray[np.int32]:
        """The change of ``codes``, int32 of their shape, as their sRGB goes from ``before`` to ``after``."""


class SrgbSpace:
    """Samples that are already sRGB, RGB or grey."""

    def to_srgb(self, codes: Codes) -> Codes:
        """See ColourSpace."""
        return codes if codes.ndim == 3 else np.repeat(codes[..., None], 3, axis=2)

    def change(self, codes: Codes, before: Codes, after: Codes) -> NDArray[np.int32]:
        """See ColourSpace."""
        difference = after.astype(np.int32) - before
        return difference if codes.ndim == 3 else difference[..., 1]


class GreySpace:
    """A grey profile, as two lookup tables of 256 entries."""

    def __init__(self, profile: Any) -> None:
        """Raises PyCMSError if LittleCMS cannot convert with the profile in both directions."""
        ramp = np.arange(256, dtype=np.uint8)[None]
        srgb = ImageCms.createProfile("sRGB")
        self._to = _converted(_transform(profile, srgb, "L", "RGB"), ramp)[0, :, 1].copy()
        grey = np.repeat(ramp[..., None], 3, axis=2)
        self._from = _converted(_transform(srgb, profile, "RGB", "L"), grey)[0].copy()

    def to_srgb(self, codes: Codes) -> Codes:
        """See ColourSpace."""
        return np.repeat(self._to[codes][..., None], 3, axis=2)

    def change(self, codes: Codes, before: Codes, after: Codes) -> NDArray[np.int32]:
        """See ColourSpace."""
        return self._from[after[..., 1]].astype(np.int32) - self._from[before[..., 1]]


class ProfileSpace:
    """An ICC profile of RGB or CMYK samples."""

    def __init__(self, profile: Any, mode: str) -> None:
        """Raises PyCMSError if LittleCMS cannot convert with the profile in both directions."""
        srgb = ImageCms.createProfile("sRGB")
        self._to = _transform(profile, srgb, mode, "RGB")
        self._from = _transform(srgb, profile, "RGB", mode)
        self._mode = mode

    def to_srgb(self, codes: Codes) -> Codes:
        """See ColourSpace."""
        return _converted(self._to, codes, self._mode)

    def change(self, codes: Codes, before: Codes, after: Codes) -> NDArray[np.int32]:
        """See ColourSpace."""
        return _converted(self._from, after).astype(np.int32) - _converted(self._from, before)


class BareCmyk:
    """CMYK without a profile: each ink takes its share of the light, R = (255 - C) * (255 - K) / 255."""

    def to_srgb(self, codes: Codes) -> Codes:
        """See ColourSpace."""
        light = 255 - codes.astype(np.uint32)
        return ((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)

    def change(self, codes: Codes, before: Codes, after: Codes) -> NDArray[np.int32]:
        """See ColourSpace; black stays, as far as the wanted colour is not lighter than it allows."""
        brightest = after.max(axis=-1, keepdims=True).astype(np.int32)
        white = np.maximum(255 - codes[..., 3:].astype(np.int32), brightest)
        inks = 255 - (after.astype(np.int32) * 255 + white // 2) // np.maximum(white, 1)
        new: NDArray[np.int32] = np.concatenate([inks, 255 - white], axis=-1)
        return new - codes


def colour_space(mode: str, profile: bytes | None) -> ColourSpace | None:
    """The space of 8-bit samples of ``mode`` "L", "RGB" or "CMYK" with an ICC profile; None where it is sRGB.

    A profile that is broken, of another kind than the samples, or of no use for writing is not applied: the
    samples are then taken as sRGB (or bare CMYK), as viewers do.
    """
    bare = BareCmyk() if mode == "CMYK" else None
    if not profile:
        return bare
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != PROFILE_KINDS[mode]:
            return bare
        space = GreySpace(opened) if mode == "L" else ProfileSpace(opened, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        _log.debug("a colour profile is not applied", exc_info=error)
        return bare
    return None if mode != "CMYK" and _is_srgb(space, mode) else space


def eight_bits(samples: NDArray[Any]) -> Codes:
    """Samples of 8 or 16 bits, rounded to 8: level 65535 is 255."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def srgb_pixels(space: ColourSpace, samples: NDArray[Any]) -> Codes:
    """A whole photo, [H, W] or [H, W, C] of 8 or 16 bits, as sRGB, uint8 [H, W, 3], converted in strips."""
    pixels = np.empty((*samples.shape[:2], 3), np.uint8)
    for top in range(0, len(samples), STRIP_ROWS):
        strip = slice(top, top + STRIP_ROWS)
        pixels[strip] = space.to_srgb(eight_bits(samples[strip]))
    return pixels


def strip_sums(pixels: Codes) -> tuple[int, ...]:
    """A checksum of each strip of a photo, uint8 [H, W, 3]."""
    return tuple(_sums(pixels))


def has_sums(pixels: Codes, sums: tuple[int, ...]) -> bool:
    """Whether a photo, uint8 [H, W, 3], has these `strip_sums`; ends at the first strip that has not."""
    if len(sums) != -(-len(pixels) // STRIP_ROWS):
        return False
    return all(found == one for found, one in zip(_sums(pixels), sums, strict=True))


def _sums(pixels: Codes) -> Iterator[int]:
    strips = (pixels[top : top + STRIP_ROWS] for top in range(0, len(pixels), STRIP_ROWS))
    return (zlib.crc32(np.ascontiguousarray(strip).data) for strip in strips)


def changed_samples(space: ColourSpace, samples: NDArray[Any], aged: Codes) -> NDArray[Any]:
    """Samples, [H, W] or [H, W, C] of 8 or 16 bits, moved to where their sRGB is ``aged``, uint8 [H, W, 3].

    Samples whose sRGB does not change keep their values.
    """
    codes = eight_bits(samples)
    before = space.to_srgb(codes)
    where = (before != aged).any(axis=2)
    if not where.any():
        return samples
    step = space.change(codes[where][None], before[where][None], aged[where][None])[0]
    deep = samples.dtype == np.uint16
    moved = samples.copy()
    total = samples[where] + step * (257 if deep else 1)
    moved[where] = np.clip(total, 0, 65535 if deep else 255).astype(samples.dtype)
    return moved


def _is_srgb(space: ColourSpace, mode: str) -> bool:
    """Whether a profile does not change greys and a grid of colours."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    if mode == "L":
        probes = ramp
    else:
        steps = np.arange(0, 256, 51, dtype=np.uint8)
        lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probes = np.concatenate([np.repeat(ramp[..., None], 3, axis=2), lattice], axis=1)
    wanted = SrgbSpace().to_srgb(probes).astype(np.int16)
    return bool(np.abs(space.to_srgb(probes) - wanted).max() <= _SAME)


def _transform(source: Any, target: Any, source_mode: str, target_mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source, target, source_mode, target_mode, ImageCms.Intent.RELATIVE_COLORIMETRIC, _FLAGS
    )


def _converted(transform: ImageCms.ImageCmsTransform, codes: Codes, mode: str | None = None) -> Codes:
    """Codes, uint8 [H, W] or [H, W, C], through a transform."""
    picture = Image.fromarray(np.ascontiguousarray(codes))
    if mode == "CMYK":
        picture = Image.frombytes("CMYK", picture.size, np.ascontiguousarray(codes).tobytes())
    return np.asarray(transform.apply(picture))
