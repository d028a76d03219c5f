"""Folders of OpenEXR frames."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image
from support.made_videos import HEIGHT, WIDTH, background, moving

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import AmganError, MissingDependencyError, VideoError
from amgan.runtime.video.exr import ExrPicture, to_codes, to_light
from amgan.runtime.video.folder import list_frames
from amgan.runtime.video.primaries import REC709, to_rec709
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

ASKED = VideoRequest.parse(Request(include_children=True), "75")
ACES_CG = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
EDGE = np.array([4, 6])
"""Where data begin in the display window, x and y."""


def light_of(picture: np.ndarray) -> np.ndarray:
    return to_light(picture.astype(np.float32) / 255.0)


def write_exr(path: Path, light: np.ndarray, kind: Any = np.float16, **header: Any) -> Path:
    """Light [h, w, 3] with more channels and attributes than colours need."""
    rows, columns = light.shape[:2]
    random = np.random.default_rng(0)
    channels = {name: np.ascontiguousarray(light[..., i], kind) for i, name in enumerate("RGB")}
    channels["A"] = np.ones((rows, columns), kind)
    channels["depth.Z"] = random.random((rows, columns)).astype(np.float32)
    channels["id"] = random.integers(0, 9, (rows, columns)).astype(np.uint32)
    size = np.array([columns, rows])
    corners = EDGE.astype(np.int32), (EDGE + size - 1).astype(np.int32)
    seen = np.zeros(2, np.int32), np.array([columns + 9, rows + 9], np.int32)
    whole = {"compression": OpenEXR.ZIP_COMPRESSION, "dataWindow": corners, "displayWindow": seen}
    return save(path, whole | {"owner": "nobody", "pixelAspectRatio": 2.0} | header, channels)


def save(path: Path, header: dict[str, Any], channels: dict[str, Any]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with OpenEXR.File({"type": OpenEXR.scanlineimage} | header, channels) as file:
        file.write(str(path))
    return path


def read_exr(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    file = OpenEXR.File(str(path), separate_channels=True)
    channels = {name: np.array(one.pixels) for name, one in file.channels().items()}
    return {name: str(value) for name, value in file.header().items()}, channels


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where samples differ in any bit."""
    bits = {2: np.uint16, 4: np.uint32}[one.dtype.itemsize]
    return one.view(bits) != other.view(bits)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory, hopper: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("film") / "in"
    for number, picture in enumerate([background(), *moving(hopper, 3)]):
        light = light_of(picture)
        light[:20, :20] = 37.5  # far above white
        light[20:30, :20] = -0.25
        light[30, :20] = np.nan
        write_exr(folder / f"shot_{number:04d}.exr", light)
    return folder


def test_only_the_face_changes(pipeline: Pipeline, frames: Path, tmp_path: Path) -> None:
    result = VideoSession(frames, tmp_path / "out", ASKED).run(pipeline)
    assert (result.pictures, result.aged) == (4, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    for number in range(4):
        name = f"shot_{number:04d}.exr"
        (header, before), (kept, after) = read_exr(frames / name), read_exr(tmp_path / "out" / name)
        assert header == kept
        assert before.keys() == after.keys()
        assert not any(changed(before[name], after[name]).any() for name in ("A", "depth.Z", "id"))
        moved = np.any([changed(before[c], after[c]) for c in "RGB"], axis=0)
        if not number:
            assert (frames / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
            continue
        assert 0.01 < moved.mean() < 0.3
        assert not moved[:, : 58 + 2 * (number - 1)].any()  # the photo begins at column 60


def test_it_looks_as_the_same_frames_in_png_do(
    pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray
) -> None:
    (tmp_path / "png").mkdir()
    for number, picture in enumerate(moving(hopper, 2)):
        whole = np.zeros((HEIGHT + 10, WIDTH + 10, 3), np.uint8)
        whole[EDGE[1] : EDGE[1] + HEIGHT, EDGE[0] : EDGE[0] + WIDTH] = picture
        Image.fromarray(whole).save(tmp_path / "png" / f"f{number}.png")
        write_exr(tmp_path / "exr" / f"f{number}.exr", light_of(picture), np.float32)
    for kind in ("png", "exr"):
        VideoSession(tmp_path / kind, tmp_path / f"{kind}_out", ASKED).run(pipeline)
    wanted = np.asarray(Image.open(tmp_path / "png_out" / "f1.png")).astype(int)
    found = ExrPicture(tmp_path / "exr_out" / "f1.exr").pixels
    assert np.abs(found - wanted).max() <= 1


def test_other_primaries(tmp_path: Path) -> None:
    light = light_of(background())
    to709 = to_rec709(ACES_CG, tmp_path)
    assert to709 is not None
    aces = light @ np.linalg.inv(to709).T
    one = ExrPicture(write_exr(tmp_path / "709.exr", light, np.float32, chromaticities=REC709))
    other = ExrPicture(write_exr(tmp_path / "aces.exr", aces, np.float32, chromaticities=ACES_CG))
    assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1
    change = np.zeros((40, 30, 3), np.float32)
    change[5:, 5:] = (12.0, -9.0, 4.0)
    for number, picture in enumerate((one, other)):
        picture.add(20, 50, change)
        picture.write(tmp_path / f"{number}.exr")
    light, aces = (
        np.stack([read_exr(tmp_path / f"{n}.exr")[1][c] for c in "RGB"], axis=-1) for n in range(2)
    )
    assert np.abs(aces @ to709.T - light).max() < 1e-4
    codes = 255.0 * (to_codes(light) - background().astype(np.float32) / 255.0)
    assert np.abs(codes[50 + 5 - EDGE[1], 20 + 5 - EDGE[0]] - (12.0, -9.0, 4.0)).max() < 1e-2


def test_white_stays_white_and_light_comes_back() -> None:
    to709 = to_rec709(ACES_CG, Path("x.exr"))
    assert to709 is not None
    assert np.abs(to709 @ np.ones(3) - 1.0).max() < 1e-5
    assert to_rec709(None, Path("x.exr")) is None
    light = np.array([-1.0, 0.0, 0.001, 0.18, 1.0, 40.0], np.float32)
    assert np.allclose(to_light(to_codes(light)), light, rtol=1e-5)
    assert to_codes(np.float32([0.18])) == pytest.approx(0.4614, abs=1e-3)


def test_a_half_transparent_pixel_gets_half(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", light_of(background()))
    header, channels = OpenEXR.File(str(path), separate_channels=True).header(), read_exr(path)[1]
    channels["A"][10] = 0.0
    picture = ExrPicture(save(tmp_path / "b.exr", header, dict(channels)))
    picture.add(4, 6, np.full((20, 9, 3), 20.0, np.float32))
    picture.write(tmp_path / "c.exr")
    moved = changed(channels["R"], read_exr(tmp_path / "c.exr")[1]["R"])
    assert moved[:10, :9].all() and moved[11:20, :9].all() and not moved[10].any()


def test_lightness_alone_and_overscan(tmp_path: Path) -> None:
    grey = light_of(background())[..., 1]
    windows = {
        "dataWindow": (np.array([-8, -8], np.int32), np.array([WIDTH - 9, HEIGHT - 9], np.int32)),
        "displayWindow": (np.zeros(2, np.int32), np.array([99, 49], np.int32)),
    }
    picture = ExrPicture(save(tmp_path / "y.exr", windows, {"Y": np.ascontiguousarray(grey, np.float32)}))
    assert (picture.width, picture.height) == (100, 50)
    assert np.array_equal(picture.pixels[..., 0], background()[8:58, 8:108, 1])
    picture.add(0, 0, np.full((50, 100, 3), 9.0, np.float32))
    picture.write(tmp_path / "out.exr")
    moved = changed(np.ascontiguousarray(grey, np.float32), read_exr(tmp_path / "out.exr")[1]["Y"])
    assert moved[8:58, 8:108].all() and moved.sum() == 5000


def test_what_would_be_lost_twice_is_written_without_loss(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "in.exr", light_of(background()), compression=OpenEXR.DWAA_COMPRESSION)
    picture = ExrPicture(path)
    picture.add(100, 100, np.full((4, 4, 3), 30.0, np.float32))
    picture.write(tmp_path / "out.exr")
    (_, before), (header, after) = read_exr(path), read_exr(tmp_path / "out.exr")
    assert "ZIP" in header["compression"]
    assert changed(before["G"], after["G"]).sum() == 16


def refused(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        ExrPicture(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said
    return said


def test_frames_that_cannot_be_read(tmp_path: Path) -> None:
    light = light_of(background())
    good = write_exr(tmp_path / "good.exr", light).read_bytes()
    for length in (0, 4, 200, len(good) // 2):
        (tmp_path / "cut.exr").write_bytes(good[:length])
        assert "cut short" in refused(tmp_path / "cut.exr")
    plane = np.ones((8, 8), np.float32)
    cases = {
        "no channels R, G and B": {"Z": plane},
        "no channels R, G and B, nor Y": {"Y": plane, "RY": plane, "BY": plane},
        "not half or float": {name: plane.astype(np.uint32) for name in "RGB"},
    }
    for sentence, channels in cases.items():
        assert sentence in refused(save(tmp_path / "x.exr", {}, channels))
    path = write_exr(tmp_path / "p.exr", light, chromaticities=(0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3))
    assert "primaries that make no colours" in refused(path)
    window = np.zeros(2, np.int32), np.array([99_999, 9], np.int32)
    assert "100000x10 px, more than" in refused(write_exr(tmp_path / "w.exr", light, displayWindow=window))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"type": OpenEXR.deepscanline}, "is a deep image: flatten it"),
        (
            {"type": OpenEXR.tiledimage, "tiles": SimpleNamespace(mode=OpenEXR.MIPMAP_LEVELS)},
            "holds its picture in several sizes",
        ),
    ],
)
def test_kinds_that_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: dict[str, Any], sentence: str
) -> None:
    path = write_exr(tmp_path / "in.exr", light_of(background()))
    monkeypatch.setattr(
        OpenEXR, "File", lambda *_, **__: SimpleNamespace(parts=[SimpleNamespace(header=header)])
    )
    assert sentence in refused(path)


def test_damaged_frames(tmp_path: Path) -> None:
    good = write_exr(tmp_path / "good.exr", light_of(background())).read_bytes()
    for seed in range(60):
        random, content = np.random.default_rng(seed), bytearray(good)
        for at in random.integers(0, 1500 if seed % 2 else len(good), 3):
            content[at] = int(random.integers(256))
        (tmp_path / "bad.exr").write_bytes(content)
        try:
            ExrPicture(tmp_path / "bad.exr").write(tmp_path / "out.exr")
        except AmganError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    picture = ExrPicture(write_exr(tmp_path / "in.exr", light_of(background())))
    (tmp_path / "file").write_text("")
    with pytest.raises(VideoError, match=r"out\.exr' cannot be written"):
        picture.write(tmp_path / "file" / "out.exr")
    picture.add(10, 10, np.full((4, 4, 3), 30.0, np.float32))
    (tmp_path / "out.exr").mkdir()
    with pytest.raises(VideoError, match=r"out\.exr' cannot be written"):
        picture.write(tmp_path / "out.exr")


def test_without_the_package(
    pipeline: Pipeline, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(MissingDependencyError, match=r"shot_0000\.exr' needs OpenEXR.*amgan\[exr\]"):
        list_frames(frames)
    with pytest.raises(MissingDependencyError):
        VideoSession(frames, tmp_path / "out", ASKED).run(pipeline)
    assert not any(tmp_path.iterdir())
