"""ICC profiles made from published numbers, so that no file of somebody else's is needed.

A matrix profile (ICC.1:2001-04, version 2) is three primaries adapted to D50 and a tone curve: what LittleCMS
needs for Display P3 (SMPTE EG 432-1 primaries, D65, sRGB's curve), Adobe RGB (1998) (gamma 563/256), ProPhoto
(ISO 22028-2) and greys of any gamma. The CMYK one is a small table made from a plain model of inks.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable

import numpy as np

D65 = (0.3127, 0.3290)
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def display_p3() -> bytes:
    return rgb_profile(P3, D65, _srgb_curve())


def adobe_rgb() -> bytes:
    return rgb_profile(ADOBE, D65, gamma_curve(563 / 256))


def prophoto() -> bytes:
    return rgb_profile(PROPHOTO, (0.3457, 0.3585), gamma_curve(1.8))


def srgb() -> bytes:
    return rgb_profile(SRGB, D65, _srgb_curve())


def grey(gamma: float) -> bytes:
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": _xyz(D50_XYZ), b"kTRC": gamma_curve(gamma)})


def rgb_profile(primaries: tuple, white: tuple[float, float], curve: bytes) -> bytes:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    light = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    matrix = columns * np.linalg.solve(columns, light)
    cones = (_BRADFORD @ D50_XYZ) / (_BRADFORD @ light)
    adapted = np.linalg.solve(_BRADFORD, cones[:, None] * (_BRADFORD @ matrix))
    tags = {b"wtpt": _xyz(D50_XYZ)}
    for number, name in enumerate((b"r", b"g", b"b")):
        tags[name + b"XYZ"] = _xyz(adapted[:, number])
        tags[name + b"TRC"] = curve
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


@functools.cache
def cmyk() -> bytes:
    """A printer that lays inks C, M, Y and K over each other; black takes what the three share."""

    def to_lab(inks: np.ndarray) -> np.ndarray:
        light = (1 - 0.9 * inks[..., :3]) * (1 - 0.95 * inks[..., 3:])
        return _rgb_to_lab(light)

    def from_lab(lab: np.ndarray) -> np.ndarray:
        light = np.clip(_lab_to_rgb(lab), 0.005, 1)
        black = np.clip((1 - light.max(axis=-1, keepdims=True)) / 0.95, 0, 1) * 0.8
        inks = np.clip((1 - light / (1 - 0.95 * black)) / 0.9, 0, 1)
        return np.concatenate([inks, black], axis=-1)

    a2b, b2a = _lut(4, 3, 9, to_lab, lab_out=True), _lut(3, 4, 25, from_lab, lab_out=False)
    tags = {b"wtpt": _xyz(D50_XYZ)}
    for intent in b"012":
        tags |= {b"A2B" + bytes([intent]): a2b, b"B2A" + bytes([intent]): b2a}
    return _profile(b"CMYK", b"Lab ", b"prtr", tags)


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    v = np.linspace(0, 1, 1024)
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    table = np.round(light * 65535).astype(">u2").tobytes()
    return b"curv" + struct.pack(">II", 0, 1024) + table


def _lut(inputs: int, outputs: int, steps: int, function: Callable, lab_out: bool) -> bytes:
    """A lut16 table; Lab is coded as version 2 says: 100 is 0xFF00, a and b count from -128."""
    axes = np.meshgrid(*[np.linspace(0, 1, steps)] * inputs, indexing="ij")
    grid = np.stack(axes, axis=-1)
    if lab_out:
        lab = function(grid)
        codes = np.stack([lab[..., 0] * 652.8, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], -1)
    else:
        full = grid * 65535 / 65280
        lab = np.stack([full[..., 0] * 100, full[..., 1] * 255 - 128, full[..., 2] * 255 - 128], -1)
        codes = function(lab) * 65535
    table = np.clip(np.round(codes), 0, 65535).astype(">u2").tobytes()
    straight = struct.pack(">HH", 0, 65535)
    head = b"mft2" + struct.pack(">IBBBB", 0, inputs, outputs, steps, 0)
    head += struct.pack(">9i", *(np.eye(3).ravel() * 65536).astype(int)) + struct.pack(">HH", 2, 2)
    return head + straight * inputs + table + straight * outputs


_M = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])  # sRGB, to D50


def _rgb_to_lab(light: np.ndarray) -> np.ndarray:
    t = (light @ _M.T) / D50_XYZ
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    t = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    return (t * D50_XYZ) @ np.linalg.inv(_M).T


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    texts = {
        b"desc": b"desc" + struct.pack(">II", 0, 5) + b"test\0" + bytes(8 + 3 + 67),
        b"cprt": b"text\0\0\0\0none\0",
    }
    body, table, place = b"", b"", 128 + 4 + 12 * (len(tags) + 2)
    for name, content in (tags | texts).items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytes(8) + b"\x02\x40\0\0" + kind + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in D50_XYZ))
    whole = head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 2) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]
