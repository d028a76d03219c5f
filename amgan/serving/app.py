"""The server as an ASGI application."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amgan import __version__
from amgan.runtime.errors import AmganError

from .guard import Guard
from .metrics import Metrics, MetricsMiddleware
from .photo_service import PhotoService
from .photo_store import PhotoStore
from .problems import problem, status_of
from .routes import SAMPLES, aging_routes, map_routes, model_routes, photo_routes
from .settings import MIB, ServeSettings
from .uploads import Pace, Uploads
from .work import ClientGoneError, WorkDesk

if TYPE_CHECKING:
    from amgan.runtime import Pipeline

PAGE = Path(__file__).parent / "page"
_CLIENT_GONE = 499
_TIDY_S = 30.0
_log = logging.getLogger(__name__)


def create_app(pipeline: Pipeline, settings: ServeSettings | None = None) -> ASGIApp:
    """The ASGI application with an open pipeline, which the caller must close."""
    settings = settings or ServeSettings()
    store, desk = PhotoStore(settings), WorkDesk(settings)
    metrics = Metrics(pipeline, store, desk)

    @contextlib.asynccontextmanager
    async def tidy(app: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:

            async def forget_old() -> None:
                while True:
                    await anyio.sleep(_TIDY_S)
                    store.forget_old()

            group.start_soon(forget_old)
            yield
            group.cancel_scope.cancel()
        store.clear()

    app = FastAPI(
        title="AMGAN",
        version=__version__,
        summary="Show a face older or younger, region by region. Photos stay in this machine's memory.",
        docs_url=None,
        redoc_url=None,
        lifespan=tidy,
    )
    service, uploads = PhotoService(pipeline, settings, store, desk), Uploads(settings)
    app.include_router(photo_routes(service, store, desk, settings, uploads))
    app.include_router(aging_routes(service, store))
    app.include_router(map_routes(service, store, desk, uploads))
    app.include_router(model_routes(pipeline, settings, metrics))
    app.add_api_route("/docs", _page("api.html"), include_in_schema=False)
    app.add_api_route("/", _page("index.html"), include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/samples", StaticFiles(directory=SAMPLES))
    _answer_errors(app)
    guarded: ASGIApp = Guard(_JsonLimit(app, settings), settings)
    return MetricsMiddleware(guarded, metrics)


def _page(name: str):  # type: ignore[no-untyped-def]
    async def page() -> FileResponse:
        return FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})

    return page


def _answer_errors(app: FastAPI) -> None:
    """Answer every error with one sentence as problem JSON."""

    @app.exception_handler(AmganError)
    async def expected(request: HttpRequest, error: AmganError) -> Response:
        return problem(status_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: HttpRequest, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return problem(
            HTTPStatus.BAD_REQUEST, f"{where or 'the body'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        )

    @app.exception_handler(HTTPException)
    async def refused(request: HttpRequest, error: HTTPException) -> Response:
        phrase, said = HTTPStatus(error.status_code).phrase, str(error.detail)
        return problem(error.status_code, f"{request.url.path}: {said.lower()}" if said == phrase else said)

    @app.exception_handler(ClientDisconnect)
    @app.exception_handler(ClientGoneError)
    async def gone(request: HttpRequest, error: Exception) -> Response:
        return Response(status_code=_CLIENT_GONE)

    @app.exception_handler(MemoryError)
    async def no_memory(request: HttpRequest, error: Exception) -> Response:
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "there is not enough memory for this photo: make it smaller"
        )

    @app.exception_handler(Exception)
    async def unexpected(request: HttpRequest, error: Exception) -> Response:
        _log.error("unexpected", exc_info=error)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"unexpected {said}")


class _JsonLimit:
    """Refuses JSON bodies that are too large or arrive too slowly, before they are parsed."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._limit = settings.max_json_bytes
        self._idle_s = settings.idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, coming = 0, True
        if scope["type"] != "http" or not scope["path"].endswith(("/age", "/sweep")):
            await self._app(scope, receive, send)
            return

        pace = Pace(self._idle_s)

        async def counted() -> Message:
            nonlocal received, coming
            if not coming:  # later messages only tell whether the client is connected
                return await receive()
            message = await pace.receive(receive())
            coming = message.get("more_body", False)
            pace.came(len(message.get("body", b"")))
            received += len(message.get("body", b""))
            if received > self._limit:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the request is larger than {self._limit // MIB} MiB",
                )
            return message

        await self._app(scope, counted, send)
