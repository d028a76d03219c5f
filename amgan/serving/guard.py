"""Access control of all requests: host names, origin, token, and a timeout for sending answers."""

from __future__ import annotations

import ipaddress
import secrets
from http import HTTPStatus
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem
from .settings import ServeSettings

COOKIE = "amgan-token"
OPEN_PATHS = ("/healthz",)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Refuses foreign host names (DNS rebinding), cross-site requests, and requests without the token."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope) or self._log_in(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            with anyio.fail_after(self._settings.send_s):
                await send(message)

        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            return problem(
                HTTPStatus.FORBIDDEN,
                f"this server is not called {_name_of(host)!r}: start it with --allow-host {_name_of(host)}",
            )
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if scope["method"] not in _SAFE_METHODS or scope["path"].startswith("/v1/"):
            foreign = foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign:
            return problem(HTTPStatus.FORBIDDEN, "pages of other sites may not use this server")
        return None

    def _knows(self, host: str) -> bool:
        """Whether a Host header names this server. Addresses and localhost cannot be names of other sites."""
        name = _name_of(host)
        if name == "localhost" or name in self._settings.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _log_in(self, scope: Scope) -> Response | None:
        """None with a valid token; the page's URL may have it once, which sets a cookie."""
        token = self._settings.token
        if token is None or scope["path"] in OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if (kind.lower() == "bearer" and _same(bearer.encode("latin-1"), token)) or _same(
            cookie.encode("latin-1"), quote(token, safe="")
        ):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.pop("token", [""])[0]
        if scope["method"] == "GET" and _same(given.encode("utf-8", "replace"), token):
            rest = urlencode(query, doseq=True)
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), HTTPStatus.SEE_OTHER)
            answer.set_cookie(COOKIE, quote(token, safe=""), httponly=True, samesite="strict")
            return answer
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "this server wants its token: open the address with ?token=…, or send it as "
            "'Authorization: Bearer …'",
        )


def _name_of(host: str) -> str:
    """The name in a Host header, without the port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(given: bytes, token: str) -> bool:
    return secrets.compare_digest(given, token.encode())
