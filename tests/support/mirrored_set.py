"""A real training set of one face, which its own mirror image ages."""

from __future__ import annotations

from pathlib import Path

from helpers import HOPPER
from PIL import Image, ImageOps

from amgan.data.prepare import prepare_dataset


def prepare_mirrored(folder: Path, frame_px: int) -> Path:
    """Prepare the set in ``folder``; a young face, and its mirror image as the old one."""
    faces = folder / "faces"
    faces.mkdir()
    with Image.open(HOPPER) as photo:
        picture = photo.convert("RGB")
    picture.save(faces / "young.png")
    ImageOps.mirror(picture).save(faces / "old.png")
    (folder / "ages.csv").write_text("file,age\nyoung.png,30\nold.png,70\n")
    return prepare_dataset(faces, folder / "ages.csv", folder / "set", frame_px, donors=["old.png"])
