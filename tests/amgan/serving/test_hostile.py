"""Uploads and requests that are made to harm, and who may talk to the server at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bombs import QUICK_BOMBS
from support.helpers import HOPPER
from support.live_server import PATIENCE_S, LiveServer, live_server

from amgan.runtime import Pipeline
from amgan.serving.memory_file import MemoryFile, clean_name
from amgan.serving.settings import ServeSettings

JPEG = HOPPER.read_bytes()
BLANK = b"BM" + bytes(200)


@pytest.fixture(scope="module")
def photo_id(server: LiveServer) -> str:
    return server.send(JPEG).json()["id"]


def sentence(found: httpx.Response, status: int) -> str:
    """The one sentence of a refusal."""
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/problem+json"
    detail = found.json()["detail"]
    assert detail and "\n" not in detail and "Traceback" not in detail and "/proc/" not in detail
    return detail


@pytest.mark.parametrize("name", sorted(QUICK_BOMBS))
def test_bombs_are_refused(server: LiveServer, name: str) -> None:
    detail = sentence(server.send(QUICK_BOMBS[name](), name), 422)
    assert detail.startswith(f"'{name}'")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no picture", "is not a picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture that can be read"),
        (b"%PDF-1.7", "is not a picture that can be read"),
        (JPEG[: len(JPEG) // 2], "is damaged or cut short"),
        (JPEG[:200], "cannot be read"),
        (b"\x00" * 10_000, "is not a picture that can be read"),
    ],
)
def test_what_is_no_photo_gets_the_sentence_of_the_command_line(
    server: LiveServer, content: bytes, said: str
) -> None:
    assert said in sentence(server.send(content, "me.jpg"), 422) or "damaged" in said


def test_a_photo_without_a_face_says_so(server: LiveServer) -> None:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (300, 300), (90, 120, 150)).save(stream, "PNG")
    assert "'wall.png': no face was found" in sentence(server.send(stream.getvalue(), "wall.png"), 422)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\photos\\me.jpg", "me.jpg"),
        ("a\nb\0c\u202e.jpg", "abc.jpg"),
        ("x" * 5000 + ".jpg", "x" * 116 + ".jpg"),
        ("..", "photo.jpg"),
        ("", "photo.jpg"),
        ("me", "me.jpg"),
    ],
)
def test_names_are_only_names(server: LiveServer, name: str, kept: str) -> None:
    assert server.send(JPEG, name).json()["name"] == kept


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "nothing was asked for"),
        ({"age": "old"}, "'old' is not an age"),
        ({"age": 400}, "older than the model can make a face"),
        ({"age": "nan"}, "'nan' is not an age"),
        ({"zones": {"nose": 3}}, "there is no zone 'nose'"),
        ({"age": 70, "strength": 7}, "strength 7 is not within"),
        ({"age": 70, "lines": 7}, "lines of 7 are not within"),
        ({"age": 70, "pattern": 99}, "there is no pattern 99"),
        ({"age": 70, "faces": "some"}, "'some' is not a choice of faces"),
        ({"age": 70, "population": "/etc/passwd"}, "there is no population"),
        ({"age": 70, "metadata": "all"}, "metadata: input should be"),
        ({"age": 70, "format": "exe"}, "format: input should be"),
        ({"age": 70, "years": 3}, "years: extra inputs are not permitted"),
        ({"map": "%%%"}, "the map is not in base64"),
        ({"map": "iVBORw0KGgo="}, "cannot be read or is damaged"),
        ({"map": "bm8gbWFw"}, "cannot be read or is damaged"),
        ({"age": 70, "region": {"face": 2}}, "has no face 2"),
        ({"age": 70, "region": {"face": 1}, "format": "bmp"}, "a region cannot be a bmp"),
        ({"age": 70, "min_face_px": 5000}, "its only face is left alone"),
    ],
)
def test_requests_that_make_no_sense(server: LiveServer, photo_id: str, body: dict, said: str) -> None:
    found = server.client.post(f"/v1/photos/{photo_id}/age", json=body)
    assert said in sentence(found, 422 if "left alone" in said else 400)


def test_bodies_that_are_no_json(server: LiveServer, photo_id: str) -> None:
    url = f"/v1/photos/{photo_id}/age"
    headers = {"Content-Type": "application/json"}
    for content in (b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'{"age": 1e999}'):
        sentence(server.client.post(url, content=content, headers=headers), 400)
    assert "MiB" in sentence(server.client.post(url, content=b" " * (9 << 20), headers=headers), 413)


def test_other_mistakes(server: LiveServer, photo_id: str) -> None:
    client = server.client
    assert "no longer kept" in sentence(client.post("/v1/photos/nobody/age", json={"age": 70}), 404)
    assert "not found" in sentence(client.get("/v1/nothing"), 404)
    sentence(client.get("/page/../../settings.py"), 404)
    sentence(client.get("/page/%2e%2e/settings.py"), 404)
    sentence(client.put("/v1/photos"), 405)
    assert "nothing was sent" in sentence(client.post("/v1/photos"), 400)
    assert "there is no sample" in sentence(client.post("/v1/photos", params={"sample": "../app.py"}), 400)
    url = f"/v1/photos/{photo_id}"
    assert "is not a zone" in sentence(client.get(f"{url}/map", params={"zone": "chin"}), 400)
    assert "leave age and map out" in sentence(client.post(f"{url}/sweep", json={"age": 3}), 400)
    assert "are not ages" in sentence(client.post(f"{url}/sweep", json={"ages": "x"}), 400)
    assert "more than 500" in sentence(client.post(f"{url}/sweep", json={"ages": "0:999:1"}), 400)
    assert "it is 0 everywhere" in sentence(client.post("/v1/maps", content=_black_map()), 400)


def _black_map() -> bytes:
    import numpy as np

    from amgan.runtime.ages.map_file import encode_map

    return encode_map(np.zeros((16, 16), np.float32), ".png")


def test_files_that_are_too_large(pipeline: Pipeline) -> None:
    settings = ServeSettings(max_upload_bytes=1 << 20, max_uploading_bytes=2 << 20)
    with live_server(pipeline, settings) as server:
        assert "larger than the 1 MiB" in sentence(server.send(bytes(2 << 20)), 413)
        unannounced = server.client.post("/v1/photos", content=(bytes(1 << 16) for _ in range(40)))
        assert "larger than the 1 MiB" in sentence(unannounced, 413)


def test_only_so_many_photos_are_kept(pipeline: Pipeline) -> None:
    with live_server(pipeline, ServeSettings(max_photos=2)) as server:
        first, second, third = (server.send(JPEG).json()["id"] for _ in range(3))
        assert [server.client.get(f"/v1/photos/{id}").status_code for id in (first, second, third)] == [
            404, 200, 200,
        ]  # fmt: skip


def test_nothing_is_written(server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sent = server.send(JPEG).json()
    url = f"/v1/photos/{sent['id']}/age"
    for format in ("jpeg", "png", "tiff", "webp"):
        assert server.client.post(url, json={"age": 70, "format": format}).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_memory_files_are_closed_with_their_paths() -> None:
    path = MemoryFile.of(b"content", "me.jpg")
    place = Path(path.__fspath__())
    assert (str(path), path.suffix, path.read_bytes(), place.exists()) == ("me.jpg", ".jpg", b"content", True)
    del path
    assert not place.exists()
    assert clean_name("/") == "photo"


# ---- who may talk to it


@pytest.fixture(scope="module")
def secret(pipeline: Pipeline) -> Iterator[LiveServer]:
    settings = ServeSettings(token="open sesame;é", hosts=("faces.example.org",))
    with live_server(pipeline, settings) as running:
        yield running


def test_other_names_and_sites_are_refused(server: LiveServer) -> None:
    get = server.client.get
    assert "evil.example" in sentence(get("/", headers={"Host": "evil.example"}), 403)
    sentence(get("/", headers={"Host": "127.0.0.1.evil.example"}), 403)
    sentence(get("/", headers={"Host": "["}), 403)
    assert get("/", headers={"Host": "localhost:1"}).status_code == 200
    assert get("/", headers={"Host": "[::1]:80"}).status_code == 200
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{server.port + 1}"):
        found = server.client.post("/v1/photos", content=JPEG, headers={"Origin": origin})
        assert "other sites" in sentence(found, 403)
    own = server.client.post("/v1/photos", content=JPEG, headers={"Origin": server.url})
    assert own.status_code == 201
    sentence(get("/v1/model", headers={"Sec-Fetch-Site": "cross-site"}), 403)
    policy = get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_a_token_is_needed(secret: LiveServer) -> None:
    client = httpx.Client(base_url=secret.url, trust_env=False, timeout=PATIENCE_S)
    with client:
        assert "token" in sentence(client.get("/"), 401)
        sentence(client.get("/v1/model", headers={"Authorization": "Bearer wrong"}), 401)
        sentence(client.get("/", params={"token": "wrong"}), 401)
        sentence(client.post("/v1/photos", params={"token": "open sesame;é"}, content=JPEG), 401)
        assert client.get("/healthz").status_code == 200
        bearer = {"Authorization": "Bearer open sesame;é".encode()}
        assert client.get("/v1/model", headers=bearer).status_code == 200
        assert client.get("/", headers=bearer | {"Host": "faces.example.org"}).status_code == 200
        answer = client.get("/", params={"token": "open sesame;é", "x": "1"})
        assert answer.status_code == 303 and answer.headers["location"] == "/?x=1"
        assert (
            "HttpOnly" in answer.headers["set-cookie"] and "SameSite=strict" in answer.headers["set-cookie"]
        )
        assert client.get("/").status_code == 200  # the cookie is kept
