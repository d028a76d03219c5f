"""Cuts the largest face of a photo out as the canonical frame and the points that age.c reads.

Example:  python examples/c/cut_face.py samples/grace_hopper.jpg face.ppm points.txt
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.estimator import landmarks_unit

SIDE_PX = 512


def main(photo: str, frame: str, points: str) -> None:
    """Write both files; ends with a sentence where the photo has no face."""
    pixels = read_photo(photo).pixels
    faces = FaceFinder().find(pixels)
    if not faces:
        sys.exit(f"'{photo}' has no face: give a portrait")
    largest = max(faces, key=lambda face: face.width_px)
    cut = sample_affine(pixels, largest.frame.to_photo(SIDE_PX), (SIDE_PX, SIDE_PX))
    Image.fromarray(cut).save(frame)
    np.savetxt(points, landmarks_unit(largest))


if __name__ == "__main__":
    main(*sys.argv[1:])
