"""The API against a server that runs: what it answers, and that files are those of the command line."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.command_line import run
from support.helpers import COLLINS, HOPPER
from support.live_server import LiveServer

from amgan.runtime import Pipeline, Request
from amgan.runtime.ages.map_file import encode_map
from amgan.serving.request_options import AgingOptions


@pytest.fixture(scope="module")
def photo(server: LiveServer) -> dict:
    found = server.send(HOPPER.read_bytes(), "hopper.jpg")
    assert found.status_code == 201
    return found.json()


def aged(server: LiveServer, photo: dict, **options: object) -> bytes:
    found = server.client.post(f"/v1/photos/{photo['id']}/age", json=options)
    assert found.status_code == 200, found.text
    return found.content


def test_a_photo_is_described(
    server: LiveServer, photo: dict, pipeline: Pipeline, hopper: np.ndarray
) -> None:
    assert (photo["name"], photo["width"], photo["height"], photo["format"]) == (
        "hopper.jpg",
        512,
        600,
        "JPEG",
    )
    (seen,) = pipeline.see(hopper)
    (face,) = photo["faces"]
    assert face["number"] == 1 and face["left"] is None
    assert np.allclose(face["landmarks"], seen.face.landmarks, atol=0.01)
    assert np.allclose(list(face["zones"].values()), list(seen.now.parts.values()), atol=0.06)
    a, b, c, d, e, f = face["frame"]
    centre = (a / 2 + c / 2 + e, b / 2 + d / 2 + f)
    assert np.allclose(centre, seen.face.frame.centre, atol=0.01)
    assert server.client.get(f"/v1/photos/{photo['id']}").json() == photo


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"age": 70}, ["--age", "70"]),
        ({"age": "+0"}, ["--age", "+0"]),
        (
            {"age": "+12.5", "zones": {"forehead": 80, "crows-feet-left": "-5"}, "strength": 0.5},
            ["--age", "+12.5", "--zone", "forehead=80", "--zone", "crows-feet-left=-5", "--strength", "0.5"],
        ),
        ({"zones": {"chin": 20}, "faces": "largest"}, ["--zone", "chin=20", "--faces", "largest"]),
        ({"age": 60, "metadata": "strip"}, ["--age", "60", "--strip-metadata"]),
        ({"age": 60, "population": "base"}, ["--age", "60", "--population", "base"]),
        ({"age": 60, "format": "png"}, ["--age", "60"]),
        ({"age": 60, "pattern": 2, "lines": 0.5}, ["--age", "60", "--pattern", "2", "--lines", "0.5"]),
        ({"age": 80, "hair": False, "shape": False}, ["--age", "80", "--no-hair", "--no-shape"]),
        ({"age": 80, "features": False}, ["--age", "80", "--no-features"]),
        ({"age": 80, "neck": False}, ["--age", "80", "--no-neck"]),
    ],
)
def test_the_file_is_that_of_the_command_line(
    server: LiveServer, photo: dict, tiny_bundle: Path, tmp_path: Path, options: dict, arguments: list[str]
) -> None:
    target = tmp_path / f"out.{options.get('format', 'jpg')}"
    model = ["--model", str(tiny_bundle), "--device", "cpu"]
    done = run("age", str(HOPPER), "-o", str(target), *arguments, *model)
    assert done.exit_code == 0, done.output
    assert aged(server, photo, **options) == target.read_bytes()


@pytest.mark.parametrize(
    "name", ["deep.png", "deep.tif", "me.heic", "me.avif", "clear.png", "grey.jpg", "turned.jpg"]
)
def test_files_of_other_kinds_are_those_of_the_command_line_too(
    server: LiveServer, tiny_bundle: Path, tmp_path: Path, name: str
) -> None:
    path, target = tmp_path / name, tmp_path / f"out{Path(name).suffix}"
    picture = Image.open(HOPPER).convert("RGB").resize((256, 300))
    if name.startswith("deep"):
        samples = np.asarray(picture).astype(np.uint16)[..., ::-1] * 257 - 100 * (np.arange(3) == 1)
        assert cv2.imwrite(str(path), samples.clip(0).astype(np.uint16))
    elif name == "clear.png":
        picture.putalpha(200)
        picture.save(path)
    elif name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.rotate(90, expand=True).save(path, quality=90, exif=exif)
    elif name == "grey.jpg":
        picture.convert("L").save(path, quality=90)
    else:
        pytest.importorskip("pillow_heif").register_heif_opener(thumbnails=False)
        picture.save(path, {".heic": "HEIF", ".avif": "AVIF"}[path.suffix], quality=90)
    model = ["--model", str(tiny_bundle), "--device", "cpu"]
    done = run("age", str(path), "-o", str(target), "--age", "75", *model)
    assert done.exit_code == 0, done.output
    sent = server.send(path.read_bytes(), name)
    assert sent.status_code == 201, sent.text
    assert aged(server, sent.json(), age=75) == target.read_bytes()


def test_what_can_be_asked_for_is_what_the_runtime_takes() -> None:
    runtime = {one.name for one in fields(Request)} - {"aging_map", "reference"}  # in other words: map
    assert set(AgingOptions.model_fields) == runtime | {"map"}


def test_a_map_ages_as_from_the_command_line(
    server: LiveServer, photo: dict, tiny_bundle: Path, tmp_path: Path
) -> None:
    years = np.zeros((128, 128), np.float32)
    years[30:80, 40:90] = 77
    path, target = tmp_path / "map.png", tmp_path / "out.jpg"
    path.write_bytes(encode_map(years, ".png"))
    model = ["--model", str(tiny_bundle), "--device", "cpu"]
    done = run("age", str(HOPPER), "-o", str(target), "--map", str(path), *model)
    assert done.exit_code == 0, done.output
    assert aged(server, photo, map=base64.b64encode(path.read_bytes()).decode()) == target.read_bytes()


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_region_has_the_pixels_of_the_whole_photo(
    server: LiveServer, photo: dict, pipeline: Pipeline, hopper: np.ndarray, kind: str
) -> None:
    asked = {"age": 70, "region": {"face": 1, "lossless": kind == "webp"}} | (
        {"format": "webp"} if kind == "webp" else {}
    )
    found = server.client.post(f"/v1/photos/{photo['id']}/age", json=asked)
    assert found.headers["content-type"] == f"image/{kind}"
    x0, y0, x1, y1 = (round(float(v)) for v in found.headers["amgan-box"].split())
    region = np.asarray(Image.open(io.BytesIO(found.content)).convert("RGBA"))
    whole = pipeline.age(hopper, Request.parse("70")).pixels
    pasted, opaque = hopper.copy(), region[..., 3] == 255
    pasted[y0:y1, x0:x1][opaque] = region[..., :3][opaque]
    assert np.array_equal(pasted, whole)
    assert set(np.unique(region[..., 3])) == {0, 255}


def test_a_preview_is_smaller_and_much_the_same(server: LiveServer, pipeline: Pipeline) -> None:
    large = Image.open(COLLINS).convert("RGB").resize((1024, 1024), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    large.save(content, "PNG")
    sent = server.send(content.getvalue()).json()
    pixels = np.asarray(large)
    whole = pipeline.age(pixels, Request.parse("70")).pixels.astype(int)
    options = {"age": 70, "region": {"face": 1, "max_frame_px": 128}, "format": "webp"}
    found = server.client.post(f"/v1/photos/{sent['id']}/age", json=options)
    x0, y0, x1, y1 = (float(v) for v in found.headers["amgan-box"].split())
    region = Image.open(io.BytesIO(found.content)).convert("RGBA")
    assert region.width < 0.6 * (x1 - x0)
    box = [round(v) for v in (x0, y0, x1, y1)]
    back = np.asarray(region.resize((box[2] - box[0], box[3] - box[1])))
    there = whole[box[1] : box[3], box[0] : box[2]]
    opaque = back[..., 3] == 255
    assert np.abs(back[..., :3][opaque] - there[opaque]).mean() < 8


def test_where_nothing_changes_there_is_no_region(server: LiveServer, photo: dict) -> None:
    found = server.client.post(f"/v1/photos/{photo['id']}/age", json={"age": "+0", "region": {}})
    assert (found.status_code, found.content) == (204, b"")


def test_maps_are_given_and_taken(server: LiveServer, photo: dict, tmp_path: Path, tiny_bundle: Path) -> None:
    url = f"/v1/photos/{photo['id']}/map"
    now = np.load(io.BytesIO(server.client.get(url, params={"what": "now", "format": "npy"}).content))
    assert now.shape == (128, 128) and now.dtype == np.float32
    nothing = np.load(io.BytesIO(server.client.get(url, params={"format": "npy"}).content))
    assert not nothing.any()
    query = {"age": "70", "format": "npy", "zone": "chin=20"}
    wanted = np.load(io.BytesIO(server.client.get(url, params=query).content))
    assert wanted.max() > 65 and wanted.min() < 30
    forehead = {"zone": "forehead=+30", "format": "npy"}
    part = np.load(io.BytesIO(server.client.get(url, params=forehead).content))
    assert 0 < (part > 0).mean() < 0.3
    assert (part - now)[part > 0].max() == pytest.approx(30, abs=2)
    picture = server.client.get(url, params={"age": "70"})
    assert picture.headers["content-type"] == "image/png"
    back = server.client.post("/v1/maps", content=picture.content)
    grey = np.asarray(Image.open(io.BytesIO(picture.content)))
    assert np.array_equal(np.load(io.BytesIO(back.content)), grey)


def test_a_sweep_comes_line_by_line(server: LiveServer, photo: dict) -> None:
    with server.client.stream("POST", f"/v1/photos/{photo['id']}/sweep", json={"ages": "20:80:20"}) as found:
        lines = [json.loads(line) for line in found.iter_lines()]
    assert [(line["years"], line["done"], line["total"]) for line in lines] == [
        (20, 1, 4), (40, 2, 4), (60, 3, 4), (80, 4, 4),
    ]  # fmt: skip
    pictures = [line["picture"] for line in lines if "picture" in line]  # none at the age it shows
    assert len(pictures) >= 3
    for picture in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture))).format == "WEBP"
    zone = server.client.post(f"/v1/photos/{photo['id']}/sweep", json={"ages": "70", "zones": {"chin": 0}})
    x0, y0, x1, y1 = json.loads(zone.text)["box"]
    full = lines[-1]["box"]
    assert (x1 - x0) * (y1 - y0) < 0.5 * (full[2] - full[0]) * (full[3] - full[1])


def test_the_picture_for_the_screen(server: LiveServer, photo: dict, hopper: np.ndarray) -> None:
    url = f"/v1/photos/{photo['id']}/picture"
    whole = np.asarray(Image.open(io.BytesIO(server.client.get(url).content)))
    assert whole.shape == hopper.shape and np.abs(whole.astype(int) - hopper).mean() < 3
    small = Image.open(io.BytesIO(server.client.get(url, params={"max_side_px": 100}).content))
    assert max(small.size) == 100


def test_samples_models_health_and_metrics(server: LiveServer) -> None:
    model = server.client.get("/v1/model").json()
    assert model["model"] == "tiny" and len(model["zones"]) == 15
    assert set(model["formats"]) >= {"JPEG", "PNG", "TIFF", "WebP"}
    for name in model["samples"]:
        assert server.client.get(f"/samples/{name}").status_code == 200
        assert server.client.post("/v1/photos", params={"sample": name}).status_code == 201
    assert server.client.get("/healthz").json()["status"] == "ok"
    before = server.metric("amgan_requests_total")
    assert server.metric("amgan_requests_total") == before + 1
    assert server.metric("amgan_photos") > 0
    assert server.metric("amgan_photo_bytes") > 100_000


def test_a_photo_is_forgotten(server: LiveServer) -> None:
    sent = server.send(HOPPER.read_bytes()).json()
    assert server.client.delete(f"/v1/photos/{sent['id']}").status_code == 204
    assert server.client.get(f"/v1/photos/{sent['id']}").status_code == 404


def test_every_route_is_described(server: LiveServer) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/v1/photos", "/v1/photos/{id}", "/v1/photos/{id}/picture", "/v1/photos/{id}/age",
        "/v1/photos/{id}/map", "/v1/photos/{id}/sweep", "/v1/maps", "/v1/model", "/healthz", "/metrics",
    }  # fmt: skip
    assert all(route["description"] for methods in paths.values() for route in methods.values())
    page = server.client.get("/docs").text
    assert "http://" not in page and "https://" not in page
