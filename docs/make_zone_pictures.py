"""Makes the pictures of docs/aging-maps.md from the samples: python docs/make_zone_pictures.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from amgan.runtime import Request
from amgan.runtime.ages.atlas import read_atlas
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.face.zones import ZONES
from amgan.runtime.pictures.atlas_chart import draw_atlas
from amgan.runtime.pictures.drawing import BACKGROUND, INK, font
from amgan.runtime.pictures.map_sheet import draw_views, paint_zones, view_face
from amgan.runtime.pipeline.estimator import Estimator, landmarks_unit

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PHOTO = ROOT / "samples" / "eileen_collins.png"
FRAME_PX = 640
FACE = (0.18, 0.24, 0.82, 0.96)  # the part of the frame that is drawn
TILE_PX = 230
COLUMNS = 5
TEXT_PX = 16


def draw_zones() -> Image.Image:
    """Draw each zone on a separate face, with number and name."""
    rgb = np.asarray(Image.open(PHOTO).convert("RGB"))
    face = FaceFinder().find(rgb)[0]
    frame = sample_affine(rgb, face.frame.to_photo(FRAME_PX), (FRAME_PX, FRAME_PX))
    landmarks = landmarks_unit(face)
    left, top, right, bottom = (round(v * FRAME_PX) for v in FACE)
    height = round(TILE_PX * (bottom - top) / (right - left))
    step = (TILE_PX + 8, height + 2 * TEXT_PX)
    sheet = Image.new("RGB", (COLUMNS * step[0], -(-len(ZONES) // COLUMNS) * step[1]), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, zone in enumerate(ZONES):
        tile = Image.fromarray(paint_zones(frame, landmarks, [zone])).crop((left, top, right, bottom))
        x, y = number % COLUMNS * step[0], number // COLUMNS * step[1]
        sheet.paste(tile.resize((TILE_PX, height), Image.Resampling.LANCZOS), (x, y))
        draw.text(
            (x + 4, y + height + TEXT_PX),
            f"{number + 1}  {zone.name}",
            fill=INK,
            font=font(TEXT_PX),
            anchor="lm",
        )
    return sheet


def draw_map() -> Image.Image:
    """Draw the result of `amgan map`: twenty years older, the forehead at 75, the left jowl younger."""
    rgb = np.asarray(Image.open(PHOTO).convert("RGB"))
    bundle = Bundle.open()
    face = FaceFinder().find(rgb)[0]
    request = Request.parse("+20", ["forehead=75", "jowls-left=30"])
    now = Estimator(bundle).read(rgb, face)
    return draw_views([view_face(rgb, face, now, request, bundle.manifest.age_range)])


def main() -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    draw_zones().save(IMAGES / "zones.png", optimize=True)
    draw_map().save(IMAGES / "zones_map.png", optimize=True)
    draw_atlas(read_atlas("base")).save(IMAGES / "zones_atlas.png", optimize=True)


if __name__ == "__main__":
    main()
