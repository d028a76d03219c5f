"""Twenty photos give the same bytes by `amgan age`, `amgan run-batch` and libamgan, four by BatchSession."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.capi import Handle, cut_frame
from support.command_line import run
from support.made_photos import COUNT, write_photos

from amgan.runtime import BatchSession, Pipeline, Request, read_photo
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.coordinates import resize_plane
from amgan.runtime.face.region_masks import edit_mask
from amgan.runtime.pipeline.drawn_plan import MASK_PX

pytestmark = pytest.mark.slow

ASKED = ("--age", "+15", "--zone", "forehead=+25", "--device", "cpu")
REQUEST = Request.parse(age="+15", zones=("forehead=+25",))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("same") / "photos")


@pytest.fixture(scope="module")
def one_by_one(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What `amgan age` writes of each, by name."""
    folder = tmp_path_factory.mktemp("one-by-one")
    for photo in photos:
        done = run("age", photo, "-o", folder / photo.name, *ASKED)
        assert done.exit_code == 0, done.output
    found = contents(folder)
    assert len(found) == COUNT
    assert all(found[photo.name] != photo.read_bytes() for photo in photos)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_batch_writes_the_same_bytes(
    photos: list[Path], one_by_one: dict[str, bytes], tmp_path: Path
) -> None:
    done = run("run-batch", photos[0].parent, "-o", tmp_path / "out", *ASKED)
    assert done.exit_code == 0, done.output
    assert contents(tmp_path / "out") == one_by_one


def test_a_session_writes_the_same_bytes(
    photos: list[Path], one_by_one: dict[str, bytes], tmp_path: Path
) -> None:
    one_a_format = photos[::5]
    result = BatchSession(one_a_format, tmp_path / "out", REQUEST, device="cpu").run()
    assert len(result.of("aged")) == len({path.suffix for path in one_a_format}) == 4
    assert contents(tmp_path / "out") == {path.name: one_by_one[path.name] for path in one_a_format}


def test_libamgan_gives_the_same_pixels(photos: list[Path], shipped: Handle) -> None:
    """Of every face, wherever Python changes anything."""
    faces = 0
    with Pipeline(device="cpu", precision="f32") as pipeline:
        halo = pipeline.manifest.halo_px
        for path in photos:
            pixels = read_photo(path).pixels
            started = pipeline.start(pixels, REQUEST)
            for work, frame in zip(started.works, started.frames, strict=True):
                seen = work.seen
                found = shipped.age(
                    cut_frame(pixels, seen.face, seen.frame_px, halo),
                    halo,
                    work.frame.aging_map,
                    halo // CELL_PX,
                    landmarks=seen.landmarks,
                    pattern=work.frame.pattern,
                )
                coarse = edit_mask(seen.landmarks, min(seen.frame_px, MASK_PX))
                mask = resize_plane(coarse, seen.frame_px)[..., None]
                change = frame.result().astype(np.float32) - work.before
                expected = np.rint(work.before + mask * change).astype(np.uint8)
                asked = work.mask > 0
                assert asked.mean() > 0.1
                assert (asked & (mask[..., 0] < 1)).any()
                assert np.array_equal(found[asked], expected[asked]), path.name
                assert (found[asked] != work.before[asked]).any()
                faces += 1
    assert faces == COUNT + 1
