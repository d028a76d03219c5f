"""Many clients, slow clients, and clients that leave. Nothing here depends on how fast the machine is."""

from __future__ import annotations

import gc
import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request as HttpRequest
from support.helpers import COLLINS, HOPPER
from support.live_server import PATIENCE_S, LiveServer, live_server, wait_until

from amgan.runtime import Pipeline
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.pipeline.results import StartedPhoto
from amgan.serving.photo_store import PhotoGoneError, PhotoStore, StoredPhoto
from amgan.serving.settings import ServeSettings

CLIENTS = 50


def test_fifty_clients_at_once_lose_nothing(server: LiveServer) -> None:
    photos = {}
    for name in (HOPPER, COLLINS):
        content = io.BytesIO()
        Image.open(name).convert("RGB").resize((220, 240)).save(content, "PNG")
        photos[name] = content.getvalue()

    def visit(number: int) -> tuple[Path, bytes]:
        name = (HOPPER, COLLINS)[number % 2]
        with httpx.Client(base_url=server.url, timeout=PATIENCE_S, trust_env=False) as client:
            sent = client.post("/v1/photos", params={"name": f"{name.stem}.png"}, content=photos[name])
            assert sent.status_code == 201, sent.text
            found = client.post(f"/v1/photos/{sent.json()['id']}/age", json={"age": 60 + number // 2 % 2})
            assert found.status_code == 200, found.text
            return name, found.content

    with ThreadPoolExecutor(CLIENTS) as pool:
        results = list(pool.map(visit, range(CLIENTS)))
    assert len(results) == CLIENTS
    assert len(set(results)) == 4  # two photos at two ages, the same for everybody
    assert server.metric("amgan_photos") <= ServeSettings().max_photos


def test_what_a_request_held_goes_with_its_answer(server: LiveServer) -> None:
    sent = server.send(HOPPER.read_bytes()).json()
    url = f"/v1/photos/{sent['id']}"

    def held() -> int:
        return sum(isinstance(one, HttpRequest | FrameWork) for one in gc.get_objects())

    gc.collect()
    before = held()
    gc.disable()  # what hangs together in a circle would stay until thousands of objects did
    try:
        for age in range(60, 65):
            assert server.client.post(f"{url}/age", json={"age": age}).status_code == 200
            assert server.client.post(f"{url}/age", json={"age": age, "region": {}}).status_code == 200
            assert server.client.get(f"{url}/picture").status_code == 200
        wait_until(lambda: held() <= before + 2)  # threads may hold the last
    finally:
        gc.enable()


def test_a_photo_counts_with_the_maps_of_its_faces(pipeline: Pipeline, hopper: np.ndarray) -> None:
    (seen,) = pipeline.see(hopper)
    without, with_it = made_up("a", 40), replace(made_up("a", 40), seen=(seen,))
    assert with_it.memory_bytes == without.memory_bytes + seen.nbytes
    assert seen.nbytes > seen.masks.parts.nbytes + seen.coordinates.nbytes
    region = pipeline.cut_region(hopper, seen, 128)
    with_it.regions[1, 2] = region
    assert (
        with_it.memory_bytes == without.memory_bytes + seen.nbytes + region.seen.nbytes + region.pixels.nbytes
    )


class HeldPipeline:
    """A pipeline whose engine does not answer until it is told to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.frames: list[Future[np.ndarray]] = []
        self.started = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._pipeline, name)

    def start(self, *arguments: object, **named: object) -> StartedPhoto:
        started = self._pipeline.start(*arguments, **named)  # type: ignore[arg-type]
        held: list[Future[np.ndarray]] = [Future() for _ in started.frames]
        self.frames += held
        self.started.set()
        return replace(started, frames=tuple(held))


@pytest.fixture
def held(pipeline: Pipeline) -> Iterator[tuple[HeldPipeline, LiveServer]]:
    pipe = HeldPipeline(pipeline)
    with live_server(pipe) as running:  # type: ignore[arg-type]
        yield pipe, running


def post(server: LiveServer, path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("body", [b'{"age": 70}', b'{"age": 70, "region": {"face": 1}}'])
def test_what_a_client_that_left_wanted_is_not_computed(
    held: tuple[HeldPipeline, LiveServer], body: bytes
) -> None:
    pipe, server = held
    sent = server.send(HOPPER.read_bytes()).json()
    connection = server.connect()
    connection.sendall(post(server, f"/v1/photos/{sent['id']}/age", body))
    assert pipe.started.wait(PATIENCE_S)
    assert not pipe.frames[0].cancelled()
    connection.close()
    wait_until(pipe.frames[0].cancelled)
    assert server.client.get("/healthz").status_code == 200
    wait_until(lambda: server.metric("amgan_working") == 0)


def test_a_sweep_stops_when_its_client_leaves(held: tuple[HeldPipeline, LiveServer]) -> None:
    pipe, server = held
    sent = server.send(HOPPER.read_bytes()).json()
    connection = server.connect()
    connection.sendall(post(server, f"/v1/photos/{sent['id']}/sweep", b'{"ages": "20:80:1"}'))
    assert pipe.started.wait(PATIENCE_S)
    connection.close()
    wait_until(lambda: all(frame.cancelled() for frame in pipe.frames))
    assert len(pipe.frames) < 10


def is_alive(server: LiveServer) -> bool:
    """Whether an answer came; where this process was held up for longer than a head may take, none does."""
    try:
        return server.client.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_client_that_stops_sending_is_let_go(pipeline: Pipeline) -> None:
    with live_server(pipeline, ServeSettings(idle_s=1.0)) as server:
        with server.connect() as connection:
            head = b"POST /v1/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head + b"\xff\xd8\xff")
            answer = connection.recv(65536).decode()
        assert answer.startswith("HTTP/1.1 408")
        wait_until(lambda: is_alive(server))


@pytest.mark.parametrize("path", ["/v1/photos", "/v1/photos/x/age", "/v1/photos/x/sweep"])
@pytest.mark.parametrize("drops", [False, True], ids=["silent", "byte by byte"])
def test_a_body_that_does_not_come_is_not_waited_for(pipeline: Pipeline, path: str, drops: bool) -> None:
    with live_server(pipeline, ServeSettings(idle_s=0.5)) as server, server.connect() as connection:
        connection.sendall(post(server, path, b" " * 10_000)[:-9_000])
        connection.settimeout(0.05 if drops else PATIENCE_S)
        answer = b""
        while not answer:
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                connection.sendall(b" ")
        assert answer.startswith(b"HTTP/1.1 408")
        connection.settimeout(PATIENCE_S)
        while b"less than 16 KiB came in 0.5 seconds" not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
        wait_until(lambda: is_alive(server))


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HTTP/1.1\r\nHost: 127", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
    ids=["nothing", "half a head", "one request"],
)
def test_idle_connections_are_closed(pipeline: Pipeline, sent: bytes) -> None:
    with (
        live_server(pipeline, ServeSettings(idle_s=1.0, keep_alive_s=1)) as server,
        server.connect() as connection,
    ):
        connection.sendall(sent)
        answer = b""
        while part := connection.recv(65536):  # ends when the server closes
            answer += part
        assert answer.startswith(b"HTTP/1.1 200") == sent.endswith(b"\r\n\r\n")
        wait_until(lambda: is_alive(server))


def test_a_slow_second_head_is_not_waited_for(pipeline: Pipeline) -> None:
    with (
        live_server(pipeline, ServeSettings(idle_s=1.0, keep_alive_s=600)) as server,
        server.connect() as connection,
    ):
        whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(whole[:20])
        while connection.recv(65536):
            pass


def test_a_request_may_take_longer_than_a_head(held: tuple[HeldPipeline, LiveServer]) -> None:
    pipe, _ = held
    with live_server(pipe, ServeSettings(idle_s=1.0)) as server:  # type: ignore[arg-type]
        sent = server.send(HOPPER.read_bytes()).json()
        with server.connect() as connection:
            connection.sendall(post(server, f"/v1/photos/{sent['id']}/age", b'{"age": 70}'))
            assert pipe.started.wait(PATIENCE_S)
            connection.settimeout(3.0)  # three times as long as a head may take
            with pytest.raises(TimeoutError):
                connection.recv(1)
            assert not pipe.frames[0].cancelled()


def test_others_are_served_while_one_sends_slowly(server: LiveServer) -> None:
    content = HOPPER.read_bytes()
    with server.connect() as connection:
        request = post(server, "/v1/photos?name=a.jpg", content)
        connection.sendall(request[:-1000])
        assert server.send(content).status_code == 201  # meanwhile
        connection.sendall(request[-1000:])
        assert connection.recv(64).startswith(b"HTTP/1.1 201")


def test_a_client_that_reads_nothing_is_let_go(pipeline: Pipeline) -> None:
    with live_server(pipeline, ServeSettings(send_s=0.2)) as server:
        sent = server.send(HOPPER.read_bytes()).json()
        with server.connect() as connection:
            picture = f"GET /v1/photos/{sent['id']}/picture HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
            connection.settimeout(2)
            try:
                for _ in range(2000):  # until neither side's buffers take more
                    connection.sendall(picture)
            except OSError:
                pass
            wait_until(lambda: is_alive(server))
            wait_until(lambda: server.metric("amgan_working") == 0)


def test_where_too_much_waits_the_rest_is_turned_away(pipeline: Pipeline) -> None:
    released = threading.Event()

    class StuckPipeline(HeldPipeline):
        def see(self, rgb: np.ndarray) -> object:
            self.started.set()
            released.wait(PATIENCE_S)
            return self._pipeline.see(rgb)

    def upload() -> httpx.Response:
        return httpx.post(f"{server.url}/v1/photos", content=HOPPER.read_bytes(), timeout=PATIENCE_S)

    stuck = StuckPipeline(pipeline)
    settings = ServeSettings(threads=1, max_waiting=1)
    with live_server(stuck, settings) as server, ThreadPoolExecutor(2) as pool:  # type: ignore[arg-type]
        first = pool.submit(upload)
        assert stuck.started.wait(PATIENCE_S)
        second = pool.submit(upload)
        wait_until(lambda: server.metric("amgan_waiting") == 1)
        third = upload()
        assert third.status_code == 503 and third.headers["retry-after"] == "1"
        assert "try again" in third.json()["detail"]
        released.set()
        assert first.result(PATIENCE_S).status_code == second.result(PATIENCE_S).status_code == 201


def test_photos_are_forgotten_after_their_time() -> None:
    now = [0.0]
    store = PhotoStore(ServeSettings(keep_s=10, max_photo_bytes=100), lambda: now[0])
    first, second = made_up("a", 40), made_up("b", 40)
    store.add(first)
    now[0] = 6
    store.add(second)
    store.get("a")
    now[0] = 13
    assert store.get("a") is first and store.get("b") is second
    now[0] = 22
    store.get("b")
    now[0] = 24
    with pytest.raises(PhotoGoneError, match="no longer kept"):
        store.get("a")
    assert (len(store), store.memory_bytes) == (1, 40)
    store.add(made_up("c", 80))  # there is no room for both
    assert (len(store), store.memory_bytes) == (1, 80)


def made_up(id: str, size: int) -> StoredPhoto:
    class Empty:
        pixels = np.zeros(0, np.uint8)
        samples = alpha = None

    return StoredPhoto(id, id, Empty(), (), size)  # type: ignore[arg-type]
