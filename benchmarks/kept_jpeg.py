"""Checks which parts of a JPEG are kept: 50 files of all kinds, aged and unchanged.

    python benchmarks/kept_jpeg.py

Each file is aged by the shipped bundle (`--age 80`, older than both people look) and then requested without a
change (`--age +0`). In the first result, every pixel outside the blocks of changed pixels, and one pixel
around them where chroma is subsampled, must decode as before; the second must be the same bytes. CMYK, and
RGB without a transform, are encoded again completely and counted separately. Exit code 1 if anything differs
from that, or if a face was not changed.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
from PIL import Image

from amgan.runtime import Pipeline, Request
from amgan.runtime.photo.read import read_photo

RESULT = common.RESULTS / "kept_jpeg.json"
PHOTOS = ("grace_hopper.jpg", "eileen_collins.png")
AGE = "80"
SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


@dataclass(frozen=True)
class Kind:
    """A kind of JPEG."""

    name: str
    photo: str
    mode: str
    options: dict[str, Any]

    @property
    def is_kept(self) -> bool:
        """Whether blocks of this kind can be kept."""
        return self.mode != "CMYK" and not self.options.get("keep_rgb")


def kinds() -> Iterator[Kind]:
    """The 50 kinds."""
    for photo, sampling, progressive, quality in itertools.product(
        PHOTOS, SAMPLINGS, (False, True), (70, 90, 98)
    ):
        name = f"{SAMPLINGS[sampling]}, quality {quality}{', progressive' if progressive else ''}"
        options = {"subsampling": sampling, "quality": quality, "progressive": progressive}
        yield Kind(name, photo, "RGB", options)
    for photo in PHOTOS:
        yield Kind("grey", photo, "L", {"quality": 90})
        yield Kind("grey, progressive", photo, "L", {"quality": 90, "progressive": True})
        yield Kind("a restart marker a row", photo, "RGB", {"restart_marker_rows": 1})
        yield Kind("a restart marker every 3 blocks", photo, "RGB", {"restart_marker_blocks": 3})
        yield Kind("CMYK", photo, "CMYK", {"quality": 90})
        yield Kind("RGB without a transform", photo, "RGB", {"keep_rgb": True})
        exif = Image.Exif()
        exif[0x0112] = 6
        yield Kind("stored turned", photo, "RGB", {"exif": exif})


def may_change(changed: np.ndarray) -> np.ndarray:
    """Mask of the units of 16 px in which a pixel changed, and one pixel around them."""
    height, width = changed.shape
    padded = np.pad(changed, ((0, -height % 16), (0, -width % 16)))
    units = padded.reshape(padded.shape[0] // 16, 16, -1, 16).any(axis=(1, 3))
    allowed = np.pad(units.repeat(16, 0).repeat(16, 1)[:height, :width], 1)
    grown = [np.roll(allowed, shift, (0, 1)) for shift in itertools.product((-1, 0, 1), repeat=2)]
    return np.logical_or.reduce(grown)[1:-1, 1:-1]


def stored(path: Path) -> np.ndarray:
    """The stored samples, [H, W, C]."""
    with Image.open(path) as picture:
        samples = np.asarray(picture)
    return samples if samples.ndim == 3 else samples[..., None]


def measure(kind: Kind, pipeline: Pipeline, folder: Path) -> dict[str, Any]:
    """Age one file and measure what was kept."""
    source, old, same = (folder / f"{name}.jpg" for name in ("source", "old", "same"))
    picture = Image.open(common.ROOT / "samples" / kind.photo).convert(kind.mode)
    turned = "exif" in kind.options
    (picture.rotate(90, expand=True) if turned else picture).save(source, **kind.options)
    photo = read_photo(source)
    aged = pipeline.age_file(source, old, Request.parse(age=AGE))
    pipeline.age_file(source, same, Request.parse(age="+0"))
    changed = (aged.pixels != photo.pixels).any(axis=2)
    outside = ~may_change(np.rot90(changed) if turned else changed)
    before, after = stored(source), stored(old)
    face = read_photo(old).pixels[changed].astype(int) - aged.pixels[changed]
    return {
        "kind": kind.name,
        "photo": kind.photo,
        "blocks_can_be_kept": kind.is_kept,
        "pixels_changed_percent": round(100 * float(changed.mean()), 2),
        "pixels_outside_percent": round(100 * float(outside.mean()), 1),
        "outside_identical": bool((before[outside] == after[outside]).all()),
        "unchanged_gives_same_bytes": source.read_bytes() == same.read_bytes(),
        "mean_error_of_changed_pixels_codes": round(float(np.abs(face).mean()), 2),
        "bytes_before": source.stat().st_size,
        "bytes_after": old.stat().st_size,
    }


def main() -> None:
    """Measure all kinds and write the result."""
    parser = common.result_option(__doc__, RESULT)
    output = parser.parse_args().output
    files = []
    with Pipeline(device="cpu", precision="f32") as pipeline, tempfile.TemporaryDirectory() as folder:
        for kind in kinds():
            files.append(measure(kind, pipeline, Path(folder)))
            print(files[-1], flush=True)
    kept = [one for one in files if one["blocks_can_be_kept"]]
    summary = {
        "files": len(files),
        "files_whose_blocks_can_be_kept": len(kept),
        "outside_identical": sum(one["outside_identical"] for one in kept),
        "changed": sum(one["pixels_changed_percent"] > 0 for one in files),
        "unchanged_gives_same_bytes": sum(one["unchanged_gives_same_bytes"] for one in files),
    }
    common.write_result({"commit": common.commit(), "summary": summary, "results": files}, output)
    all_of_them = {summary["changed"], summary["unchanged_gives_same_bytes"]} == {len(files)}
    sys.exit(0 if all_of_them and summary["outside_identical"] == len(kept) else 1)


if __name__ == "__main__":
    main()
