"""Who may see the page and send to it: token, session cookie, same origin, and the headers that every answer carries.

Knows no route's meaning. A session is a signed expiry time, so that a restart keeps people logged in and the token itself
is in no cookie.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspectd.api.exposure import is_loopback

COOKIE = "inspectd_session"
#: A session ends after this time: two shifts, in seconds.
SESSION_S = 16 * 3600

#: Everything comes from here; nothing may frame the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
#: Probes carry no token; the login page needs its style sheet.
_OPEN = ("/health/", "/static/", "/login")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Sessions:
    """Issues and checks session cookies."""

    def __init__(self, *, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token, clock
        self._key = hashlib.sha256(b"inspectd dashboard session\0" + token.encode()).digest()

    @property
    def required(self) -> bool:
        """Whether a token is set."""
        return bool(self._token)

    def accepts(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def issue(self) -> str:
        """A cookie's value, good for SESSION_S."""
        end = str(int(self._clock()) + SESSION_S)
        return f"{end}.{self._sign(end)}"

    def holds(self, value: str) -> bool:
        """Whether a cookie's value was issued here and has not ended."""
        end, _, signature = value.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._sign(end).encode())
        return signed and int(end) > self._clock()

    def _sign(self, end: str) -> str:
        return hmac.new(self._key, end.encode(), hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers itself when the request may not pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        if path.startswith("/health/"):
            return None
        if not self._sessions.required and not is_loopback(_host_name(headers.get("host", ""))):
            # Without a token only this machine's browsers may read, and none that another site's name led here.
            return _error(403, "wrong_host", "Open the page as 127.0.0.1 or localhost, or set dashboard.token.")
        bearer = headers.get("authorization", "").partition("Bearer ")[2]
        by_bearer = self._sessions.required and bool(bearer) and self._sessions.accepts(bearer)
        if scope["method"] not in _SAFE and not by_bearer and not _same_origin(headers):
            return _error(403, "cross_origin", "This request came from another site.")
        if not self._sessions.required or by_bearer or path.startswith(_OPEN):
            return None
        if self._sessions.holds(_cookie(headers)):
            return None
        if path.startswith(("/api/", "/metrics")):
            return _error(401, "token_required", "Log in, or send `Authorization: Bearer TOKEN`.")
        return RedirectResponse(f"/login?next={quote(path)}", status_code=303)


def _error(status: int, reason: str, text: str) -> JSONResponse:
    body: dict[str, Any] = {"error": {"reason": reason, "message": text}}
    return JSONResponse(body, status_code=status, headers={"www-authenticate": "Bearer"} if status == 401 else None)


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same_origin(headers: Headers) -> bool:
    """Whether a browser sent this from our own page, or something that is no browser did."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
