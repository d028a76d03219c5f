"""Metrics in the text format of Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from amgan.runtime import Pipeline

    from .photo_store import PhotoStore
    from .work import WorkDesk

CLIENT_GONE = 499
_SECONDS = (0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one server."""

    def __init__(self, pipeline: Pipeline, store: PhotoStore, desk: WorkDesk) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "amgan_requests", "Requests answered", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "amgan_request_seconds", "Time from request to the end of its answer", ("route",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        for name, text, value in (
            ("amgan_photos", "Photos kept in memory", lambda: len(store)),
            ("amgan_photo_bytes", "Memory of the photos kept", lambda: store.memory_bytes),
            ("amgan_waiting", "Requests that wait for a thread", lambda: desk.waiting),
            ("amgan_working", "Requests that a thread works on", lambda: desk.working),
            ("amgan_frames", "Faces computed by the engine so far", lambda: pipeline.counters.frames),
        ):
            Gauge(name, text, registry=self._registry).set_function(value)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request; status 499 is a disconnected client."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Counts every request by its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since, status = time.perf_counter(), CLIENT_GONE

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.observe(route, status, time.perf_counter() - since)
