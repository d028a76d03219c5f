"""Errors as problem JSON (RFC 9457) with the sentences of the command line."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

from amgan.runtime.errors import AmganError, MissingDependencyError, PhotoError, UsageError
from amgan.runtime.pipeline.face_filter import NoFaceError

from .photo_store import PhotoGoneError


class RefusedError(AmganError):
    """A request is refused with ``status`` and one sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


_STATUS: tuple[tuple[type[AmganError], HTTPStatus], ...] = (
    (PhotoGoneError, HTTPStatus.NOT_FOUND),
    (NoFaceError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (PhotoError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MissingDependencyError, HTTPStatus.NOT_IMPLEMENTED),
    (UsageError, HTTPStatus.BAD_REQUEST),
)


def status_of(error: AmganError) -> HTTPStatus:
    """The HTTP status of an error."""
    if isinstance(error, RefusedError):
        return error.status
    return next(
        (status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )


def problem(status: HTTPStatus | int, sentence: str) -> JSONResponse:
    """A response whose ``detail`` is one sentence."""
    status = HTTPStatus(status)
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": sentence},
        int(status), headers, "application/problem+json",
    )  # fmt: skip
