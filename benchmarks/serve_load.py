"""Load test of `amgan serve` with many concurrent clients: lost requests, memory growth, response times.

    python benchmarks/serve_load.py

Each of 50 clients sends a photo, then moves a slider (previews of the face), pauses twice (the exact face),
fetches the photo, requests a map and saves the whole photo twice, in its own random order. Each client has
one request in flight, and all run concurrently, so response times are mostly queueing: the CPU time per
request is the server's cost, and ``cores_got`` its share of the machine. Memory is that of the server's
process after each response. It rises in a first round of all clients, which is reported separately: photos
are stored, and engines prepare for every size. Of the later requests, the last quarter may need MAY_GROW
times the memory of the first at most. Responses to equal requests must be the same bytes for every client.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import common
import httpx
import numpy as np
from served import Served, serve

RESULT = common.RESULTS / "serve_load_cpu.json"
PHOTOS = ("eileen_collins.png", "grace_hopper.jpg")
PATIENCE_S = 600.0
WARM_REQUESTS = 8
"""Requests of each client in the warm-up round."""
MAY_GROW = 1.02
"""Largest allowed peak memory of the last quarter, relative to that of the first."""


@dataclass
class Answers:
    """The responses to all clients."""

    server: Served
    lock: threading.Lock = field(default_factory=threading.Lock)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory_mib: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    bytes_of: dict[tuple[Any, ...], bytes] = field(default_factory=dict)

    def ask(
        self, client: httpx.Client, kind: str, question: tuple[Any, ...], **request: Any
    ) -> httpx.Response:
        """Send one request and record its response."""
        since = time.perf_counter()
        try:
            answer = client.request(**request)
            said = "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            answer, said = httpx.Response(599), f"{type(error).__name__}: {error}"
        passed = time.perf_counter() - since
        with self.lock:
            self.seconds.setdefault(kind, []).append(passed)
            self.memory_mib.append(self.server.memory_mib())
            if not said and question and self.bytes_of.setdefault(question, answer.content) != answer.content:
                said = f"another answer to {question}"
            if said:
                self.lost.append(f"{kind}: {said}")
        return answer


Question = tuple[str, tuple[Any, ...], dict[str, Any]]


def questions(photo_id: str, requests: int, client: int) -> list[Question]:
    """The requests of one client after its upload, in its own order: kind, key and request."""
    photo = f"/v1/photos/{photo_id}"
    asked: list[Question] = [
        ("picture", ("picture",), {"method": "GET", "url": f"{photo}/picture"}),
        ("map", ("map", 70), {"method": "GET", "url": f"{photo}/map?age=70"}),
        ("save", ("save", 70), {"method": "POST", "url": f"{photo}/age", "json": {"age": 70}}),
        ("save", ("save", 25), {"method": "POST", "url": f"{photo}/age", "json": {"age": 25}}),
    ]
    for age in (65, 35):
        body = {"age": age, "format": "webp", "region": {"face": 1, "lossless": True}}
        asked.append(("exact face", ("exact", age), {"method": "POST", "url": f"{photo}/age", "json": body}))
    for number in range(requests - len(asked)):
        body = {"age": 40 + number % 30, "format": "webp", "region": {"face": 1, "max_frame_px": 320}}
        question = ("preview", body["age"])
        asked.append(("preview", question, {"method": "POST", "url": f"{photo}/age", "json": body}))
    random.Random(client).shuffle(asked)
    return asked


def visit(number: int, requests: int, answers: Answers) -> None:
    """Run one client."""
    name = PHOTOS[number % len(PHOTOS)]
    content = (common.ROOT / "samples" / name).read_bytes()
    with httpx.Client(base_url=answers.server.url, timeout=PATIENCE_S, trust_env=False) as client:
        sent = answers.ask(
            client, "upload", (), method="POST", url=f"/v1/photos?name={name}", content=content
        )
        if not sent.is_success:
            return
        for kind, question, request in questions(sent.json()["id"], requests - 1, number):
            answers.ask(client, kind, (name, *question), **request)


def main() -> None:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--clients", type=common.count, default=50)
    parser.add_argument("--requests", type=common.count, default=1000, help="of all clients together")
    arguments = parser.parse_args()
    each = arguments.requests // arguments.clients
    if each < WARM_REQUESTS:
        parser.error(
            f"each client makes at least {WARM_REQUESTS} requests: give more --requests or fewer --clients"
        )
    heading = common.heading("many clients of the server", common.hardware(2), "openvino", "uvicorn")
    with serve("--photos", str(arguments.clients)) as server:
        answers = Answers(server)
        with ThreadPoolExecutor(arguments.clients) as pool:  # engines prepare for each size once
            list(pool.map(lambda number: visit(number, WARM_REQUESTS, answers), range(arguments.clients)))
        warm, first_mib, answers = answers.lost, max(answers.memory_mib), Answers(server)
        cpu, since = server.cpu_s(), time.perf_counter()
        with ThreadPoolExecutor(arguments.clients) as pool:
            list(pool.map(lambda number: visit(number, each, answers), range(arguments.clients)))
        found = summary(answers, server.cpu_s() - cpu, time.perf_counter() - since)
    found["lost"] += warm
    found["memory_mib_of_first_round"] = round(first_mib, 1)
    common.write_result(heading | {"clients": arguments.clients} | found, arguments.output)
    print(found)
    sys.exit(0 if not found["lost"] and found["memory_is_flat"] else 1)


def summary(answers: Answers, cpu_s: float, wall_s: float) -> dict[str, Any]:
    """Times in ms, memory in MiB."""
    every = [one for times in answers.seconds.values() for one in times]
    quarters = [float(max(part)) for part in np.array_split(answers.memory_mib, 4)]
    return {
        "requests": len(every),
        "lost": answers.lost,
        "wall_s": round(wall_s, 1),
        "cpu_ms_a_request": round(1000 * cpu_s / len(every), 1),
        "cores_got": round(cpu_s / wall_s, 2),
        "answer_ms": {
            kind: {"count": len(times)}
            | {f"p{share}": round(1000 * float(np.percentile(times, share))) for share in (50, 95)}
            for kind, times in sorted({**answers.seconds, "all": every}.items())
        },
        "memory_mib_by_quarter": [round(one, 1) for one in quarters],
        "memory_is_flat": quarters[-1] <= MAY_GROW * quarters[0],
    }


if __name__ == "__main__":
    main()
