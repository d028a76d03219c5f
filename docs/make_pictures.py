"""Makes the pictures of README and docs from the samples: python docs/make_pictures.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime import Pipeline, Request
from amgan.training.plot import plot_log

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
HEIGHT_PX = 420
Box = tuple[int, int, int, int]
PHOTOS: dict[str, tuple[str, Box]] = {
    "collins": ("eileen_collins.png", (130, 10, 322, 250)),
    "hopper": ("grace_hopper.jpg", (110, 50, 410, 425)),
}
LINES = (0.0, 1.0, 1.5)
FACE: Box = (175, 60, 295, 185)


def side_by_side(pictures: list[NDArray[np.uint8]], box: Box) -> Image.Image:
    """The same part of several pictures in one row."""
    cuts = [Image.fromarray(p).crop(box) for p in pictures]
    width = round(HEIGHT_PX * cuts[0].width / cuts[0].height)
    row = Image.new("RGB", (width * len(cuts), HEIGHT_PX))
    for number, cut in enumerate(cuts):
        row.paste(cut.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS), (number * width, 0))
    return row


def main() -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    plot_log(ROOT / "amgan" / "weights" / "amgan-base.log.jsonl", IMAGES / "training.png")
    with Pipeline() as pipeline:
        for name, (file, box) in PHOTOS.items():
            photo = np.asarray(Image.open(ROOT / "samples" / file).convert("RGB"))
            aged = {age: pipeline.age(photo, Request.parse(age=age)).pixels for age in ("20", "80")}
            side_by_side([photo, aged["80"]], box).save(IMAGES / f"{name}_80.jpg", quality=90)
            side_by_side([aged["20"], photo, aged["80"]], box).save(IMAGES / f"{name}_ages.jpg", quality=90)
        photo = np.asarray(Image.open(ROOT / "samples" / "eileen_collins.png").convert("RGB"))
        requests = [Request.parse(age="80", lines=lines) for lines in LINES]
        pictures = [pipeline.age(photo, request).pixels for request in requests]
        side_by_side(pictures, FACE).save(IMAGES / "lines.jpg", quality=92)


if __name__ == "__main__":
    main()
