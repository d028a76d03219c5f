"""A real training set of one face and its mirror image."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from amgan.data.prepare import PrepareOptions, prepare_dataset
from support.helpers import HOPPER


def prepare_mirrored(folder: Path, frame_px: int) -> Path:
    """Prepare the set in ``folder``; a face taken for young, and its mirror image taken for old."""
    faces = folder / "faces"
    faces.mkdir()
    with Image.open(HOPPER) as photo:
        picture = photo.convert("RGB")
    picture.save(faces / "young.png")
    ImageOps.mirror(picture).save(faces / "old.png")
    (folder / "ages.csv").write_text("file,age\nyoung.png,30\nold.png,70\n")
    return prepare_dataset([faces], [folder / "ages.csv"], folder / "set", PrepareOptions(frame_px=frame_px))
