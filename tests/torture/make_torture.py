"""Makes a folder of photos good and bad, to find out what a batch does with files from strangers.

    python tests/torture/make_torture.py FOLDER [--side 256] [--huge]

Every format with every orientation, mode, profile and depth; sizes from one pixel up (--huge: to a hundred
megapixels); cut short at every twentieth; bits flipped with a fixed seed; files that are something else; odd
names; links, pipes and bombs. `expected` of a file is "aged", "refused", or "any" where damage may or may not
be noticed: then the run must end all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lib"), str(Path(__file__).parent)]

from bombs import QUICK_BOMBS, png_of, slow_bombs  # noqa: E402
from support import icc_profiles  # noqa: E402

PORTRAIT = ROOT / "samples" / "eileen_collins.png"
TURNS = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1),
}  # fmt: skip
NAMES = [
    "with space.jpg", "ümläut-Ελλάδα-日本語.jpg", "emoji-\U0001f600.jpg", "-rf.jpg", "quote'\".jpg",
    "$(touch x).jpg", "new\nline.jpg", "a;b&c|d.jpg", "%s%n.jpg", "\x1b[31mred.jpg", "\u202ertl.jpg",
    "UPPER.JPG", "two.dots.jpg", "é" * 60 + ".jpg", "x" * 246 + ".jpg", "字" * 83 + ".jpg",
    "\udcff\udcfe.jpg",
]  # fmt: skip
MODES = {
    "jpg": ["L", "CMYK"],
    "png": ["RGBA", "L", "LA", "P", "1"],
    "webp": ["RGBA"],
    "tif": ["RGBA", "L", "CMYK", "P", "LA"],
    "bmp": ["RGB", "L", "P"],
}
HUGE_SIDE = 10_000


@dataclass(frozen=True)
class Case:
    """One file: its path in the folder, its group, and what is to become of it."""

    path: str
    group: str
    expected: str


def has_heif() -> bool:
    """Whether HEIC files can be made here."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


class Maker:
    """Writes files into a folder and keeps the list of them."""

    def __init__(self, folder: Path, side: int) -> None:
        self.folder = folder
        self.cases: list[Case] = []
        portrait = Image.open(PORTRAIT).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        # Not square, so that a wrong turn shows.
        self.pixels = np.asarray(portrait)[:, : side - side // 16]

    def put(self, name: str, group: str, expected: str, content: bytes) -> None:
        path = self.folder / group / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.cases.append(Case(f"{group}/{name}", group, expected))

    def save(self, name: str, group: str, picture: Image.Image, format: str, **options: object) -> None:
        stream = io.BytesIO()
        picture.save(stream, format, **options)
        # Dots alone, as "1" leaves them, may or may not look like a face.
        self.put(name, group, "any" if picture.mode == "1" else "aged", stream.getvalue())


def formats() -> dict[str, tuple[str, dict[str, object]]]:
    """Pillow's format and options of every suffix that can be made here."""
    found: dict[str, tuple[str, dict[str, object]]] = {
        "jpg": ("JPEG", {"quality": 92}),
        "png": ("PNG", {}),
        "tif": ("TIFF", {"compression": "tiff_lzw"}),
        "webp": ("WEBP", {"lossless": True, "exact": True}),
    }
    if features.check("avif"):
        found["avif"] = ("AVIF", {"quality": 90, "speed": 9})
    if has_heif():
        found["heic"] = ("HEIF", {"quality": 90})
    return found


def turned_and_profiled_photos(maker: Maker) -> None:
    """Every format in every orientation and with every RGB profile."""
    upright = Image.fromarray(maker.pixels)
    for suffix, (format, options) in formats().items():
        for orientation, turn in TURNS.items():
            exif = Image.Exif()
            exif[0x0112], exif[0x010F] = orientation, "Torture"
            stored = Image.fromarray(np.ascontiguousarray(turn(maker.pixels)))
            name = f"orientation-{orientation}.{suffix}"
            maker.save(name, "orientations", stored, format, exif=exif.tobytes(), **options)
        profiles = {"p3": icc_profiles.display_p3(), "adobe": icc_profiles.adobe_rgb(),
                    "prophoto": icc_profiles.prophoto(), "srgb": icc_profiles.srgb(),
                    "bad": b"junk" * 40}  # fmt: skip
        for profile, content in profiles.items():
            maker.save(f"{profile}.{suffix}", "profiles", upright, format, icc_profile=content, **options)


def modes(maker: Maker) -> None:
    """Grey, CMYK, palettes and alpha, with profiles that fit and that do not."""
    upright = Image.fromarray(maker.pixels)
    alpha = Image.linear_gradient("L").resize(upright.size)
    icc_of = {"none": None, "grey": icc_profiles.grey(1.8), "cmyk": icc_profiles.cmyk()}
    for suffix, names in MODES.items():
        format, options = formats().get(suffix, ("BMP", {}))
        for mode in names:
            picture = upright.convert(mode)
            if mode.endswith("A"):
                picture.putalpha(alpha)
            for profile, icc in icc_of.items():
                kept = {} if icc is None or suffix == "bmp" else {"icc_profile": icc}
                if profile == "none" or kept:
                    maker.save(f"{mode}-{profile}.{suffix}", "modes", picture, format, **options, **kept)


def compressions(maker: Maker) -> None:
    """TIFF's compressions, JPEG's qualities and samplings."""
    upright = Image.fromarray(maker.pixels)
    for compression in ("raw", "packbits", "tiff_deflate", "tiff_adobe_deflate", "jpeg"):
        maker.save(f"{compression}.tif", "compressions", upright, "TIFF", compression=compression)
    for quality in (30, 75, 100):
        for sampling in (0, 1, 2):
            for progressive in (False, True):
                name = f"q{quality}-{sampling}-{'progressive' if progressive else 'baseline'}.jpg"
                settings = {"quality": quality, "subsampling": sampling, "progressive": progressive}
                maker.save(name, "compressions", upright, "JPEG", **settings)
    maker.save("several.jpg", "compressions", upright, "MPO", save_all=True, append_images=[upright])


def photos_16_bit(maker: Maker) -> None:
    """Sixteen bits a channel, with noise in the low bits."""
    from amgan.runtime.photo.write_png16 import write_16_bit_png
    from amgan.runtime.photo.write_tiff16 import write_16_bit_tiff

    noise = np.random.default_rng(1).integers(-100, 100, maker.pixels.shape)
    deep = np.clip(maker.pixels.astype(int) * 257 + noise, 0, 65535).astype(np.uint16)
    alpha = np.broadcast_to(np.linspace(0, 65535, deep.shape[1]).astype(np.uint16), deep.shape[:2])[..., None]
    for mode in ("L", "LA", "RGB", "RGBA"):
        colours = deep[..., 1:2] if mode[0] == "L" else deep
        samples = np.concatenate([colours, alpha], axis=2) if mode.endswith("A") else colours
        for profile, icc in (
            ("none", None),
            ("p3", icc_profiles.display_p3()),
            ("grey", icc_profiles.grey(1.8)),
        ):
            kept = {} if icc is None else {"icc_profile": icc}
            for suffix, write in (("png", write_16_bit_png), ("tif", write_16_bit_tiff)):
                if (mode, suffix) == ("LA", "tif"):
                    continue
                stream = io.BytesIO()
                write(stream, mode, samples.shape[:2], [samples], kept)
                maker.put(f"{mode}-{profile}.{suffix}", "sixteen-bits", "aged", stream.getvalue())


def sizes(maker: Maker, huge: bool) -> None:
    """From one pixel up; no face is in the small ones."""
    for suffix, (format, options) in formats().items():
        for width, height in ((1, 1), (1, 300), (300, 1), (2, 2), (16, 16)):
            stream = io.BytesIO()
            with contextlib.suppress(ValueError, OSError, RuntimeError):  # some encoders want more pixels
                Image.new("RGB", (width, height), (90, 80, 70)).save(stream, format, **options)
                maker.put(f"{width}x{height}.{suffix}", "sizes", "refused", stream.getvalue())
    if huge:
        portrait = Image.open(PORTRAIT).convert("RGB")
        for side, name in ((HUGE_SIDE, "100-megapixels.jpg"), (11_000, "121-megapixels.jpg")):
            stream = io.BytesIO()
            portrait.resize((side, side), Image.Resampling.BILINEAR).save(stream, "JPEG", quality=80)
            maker.put(name, "sizes", "aged" if side == HUGE_SIDE else "refused", stream.getvalue())


def damaged(maker: Maker) -> None:
    """Good photos cut short at every twentieth, and with bits flipped."""
    chosen = [c.path for c in maker.cases if c.group == "orientations" and "-6." in c.path]
    chosen += [
        "sixteen-bits/RGB-p3.png",
        "sixteen-bits/RGB-p3.tif",
        "modes/RGB-none.bmp",
        "modes/CMYK-cmyk.jpg",
    ]
    for number, path in enumerate(chosen):
        content = (maker.folder / path).read_bytes()
        stem, _, suffix = path.replace("/", "-").rpartition(".")
        for percent in range(5, 100, 5):
            short = content[: len(content) * percent // 100]
            maker.put(f"{stem}-{percent:02}.{suffix}", "cut-short", "any", short)
        rng = np.random.default_rng(number)
        for flips in (1, 1, 1, 3, 3, 10, 10, 100, 100, 1000, 1000):
            bits = np.unpackbits(np.frombuffer(content, np.uint8))
            bits[rng.integers(0, bits.size, flips)] ^= 1
            name = f"{stem}-{flips}-{len(maker.cases)}.{suffix}"
            maker.put(name, "bits-flipped", "any", np.packbits(bits).tobytes())
        bits = np.unpackbits(np.frombuffer(content, np.uint8))
        bits[rng.integers(0, min(bits.size, 8 * 400), 4)] ^= 1  # in the head, where sizes and lengths are
        maker.put(f"{stem}-head.{suffix}", "bits-flipped", "any", np.packbits(bits).tobytes())


def other_files(maker: Maker, slow: bool) -> None:
    """Files that are something else, pages and animations, links and pipes, odd names."""
    upright = Image.fromarray(maker.pixels)
    for suffix in ("jpg", "png", "tif", "webp", "bmp", "avif", "heic"):
        maker.put(f"empty.{suffix}", "no-pictures", "refused", b"")
        maker.put(f"text.{suffix}", "no-pictures", "refused", b"<html>no picture</html>" * 50)
        maker.put(f"zeros.{suffix}", "no-pictures", "refused", bytes(5000))
    pickled = b"\x80\x04cposix\nsystem\n(S'touch /tmp/amgan-was-here'\ntR."
    maker.put("pickle.png", "no-pictures", "refused", pickled)
    maker.put("notes.txt", "no-pictures", "refused", b"notes")
    maker.put("no-ending", "no-pictures", "refused", b"what is this")
    picture = io.BytesIO()
    upright.save(picture, "GIF")
    maker.put("still.gif", "no-pictures", "refused", picture.getvalue())
    suffixes = ("jpg", "png", "webp", "tif")
    for inside in suffixes:
        for outside in suffixes:
            if inside != outside:
                format, options = formats()[inside]
                maker.save(f"{inside}-inside.{outside}", "wrong-names", upright, format, **options)
    for suffix, format in (("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF")):
        stream = io.BytesIO()
        upright.save(stream, format, save_all=True, append_images=[Image.new("RGB", upright.size)])
        maker.put(f"two.{suffix}", "several", "refused", stream.getvalue())
    jpeg = io.BytesIO()
    upright.save(jpeg, "JPEG", quality=90)
    for name in NAMES:
        with contextlib.suppress(OSError):  # this file system has no such names
            maker.put(name, "names", "aged", jpeg.getvalue())
    links = maker.folder / "links"
    links.mkdir()
    (links / "gone.jpg").symlink_to("nowhere.jpg")
    (links / "loop.jpg").symlink_to("loop.jpg")
    (links / "folder.jpg").mkdir()
    os.mkfifo(links / "pipe.jpg")
    maker.cases += [Case(f"links/{name}.jpg", "links", "refused") for name in ("gone", "loop", "pipe")]
    bombs = {name: make() for name, make in QUICK_BOMBS.items()}
    for name, content in (bombs | (slow_bombs() if slow else {})).items():
        maker.put(name, "bombs", "refused", content)  # even where it can be read: it shows no face
    maker.put("far-too-many-bits.png", "bombs", "refused", png_of(4, 4, 64, 2, b""))


def cases_of(folder: Path, side: int, *, huge: bool = False, slow: bool = True) -> Iterator[Case]:
    """Fill a new folder; yields what was made."""
    maker = Maker(folder, side)
    turned_and_profiled_photos(maker)
    modes(maker)
    compressions(maker)
    photos_16_bit(maker)
    sizes(maker, huge)
    damaged(maker)
    other_files(maker, slow)
    yield from maker.cases


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=256, help="height of the portraits, px")
    parser.add_argument("--huge", action="store_true", help="make files of 100 megapixels, too")
    arguments = parser.parse_args()
    print(f"{len(list(cases_of(arguments.folder, arguments.side, huge=arguments.huge)))} files")


if __name__ == "__main__":
    main()
