"""The Starlette app: routes, the page, login, metrics and health. Knows the endpoints by name only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from iad_unify.types import DEFECT_TYPES
from inspectd.api.status import reason_of
from inspectd.dashboard.endpoints import Endpoints
from inspectd.dashboard.guard import COOKIE, SESSION_S, Guard, Sessions
from inspectd.dashboard.overview import Overview
from inspectd.errors import (
    CalibrateAgain,
    Conflict,
    Expired,
    InspectdError,
    Misconfigured,
    ModelChanged,
    ModelFailed,
    NotFound,
    Overloaded,
    Rejected,
    TooLate,
    Unavailable,
    Unreachable,
)

_HERE = Path(__file__).parent
#: Time that a wrong token costs, one attempt after the other, in seconds.
WRONG_TOKEN_S = 0.5

#: Our errors as HTTP statuses.
STATUSES: Mapping[type[InspectdError], int] = {
    InspectdError: 500,
    Unavailable: 503,
    Unreachable: 503,
    ModelChanged: 503,
    Overloaded: 429,
    TooLate: 504,
    CalibrateAgain: 409,
    Rejected: 400,
    ModelFailed: 500,
    NotFound: 404,
    Conflict: 409,
    Expired: 410,
    Misconfigured: 500,
}


class Pages:
    """The page, login and logout."""

    def __init__(self, *, sessions: Sessions, secure: bool) -> None:
        self._sessions, self._secure = sessions, secure
        self._templates = Jinja2Templates(_HERE / "templates")
        self._one_attempt = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        """GET / and GET /events/{id}: the same page; the address says what it shows."""
        context = {"types": DEFECT_TYPES, "login": self._sessions.required}
        return self._templates.TemplateResponse(request, "page.html", context)

    async def login_form(self, request: Request) -> Response:
        """GET /login."""
        return self._form(request, request.query_params.get("next", "/"), wrong=False)

    async def login(self, request: Request) -> Response:
        """POST /login {token, next}. Wrong tokens are answered slowly and one at a time."""
        async with request.form(max_files=0, max_fields=4) as form:
            token, target = str(form.get("token", "")), _local(str(form.get("next", "/")))
        if not self._sessions.required:
            return RedirectResponse(target, status_code=303)
        if not self._sessions.accepts(token):
            async with self._one_attempt:
                await asyncio.sleep(WRONG_TOKEN_S)
            return self._form(request, target, wrong=True)
        answer = RedirectResponse(target, status_code=303)
        answer.set_cookie(
            COOKIE, self._sessions.issue(), max_age=SESSION_S, httponly=True, samesite="lax", secure=self._secure
        )
        return answer

    async def logout(self, request: Request) -> Response:
        """POST /logout."""
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._secure)
        return answer

    def _form(self, request: Request, target: str, *, wrong: bool) -> Response:
        context = {"next": _local(target), "wrong": wrong}
        return self._templates.TemplateResponse(request, "login.html", context, status_code=401 if wrong else 200)


def build_app(
    *, endpoints: Endpoints, overview: Overview, registry: CollectorRegistry, sessions: Sessions, secure: bool
) -> Starlette:
    """The whole app."""
    pages = Pages(sessions=sessions, secure=secure)
    event = "/api/events/{event_id}"
    routes = [
        Route("/", pages.page),
        Route("/events/{event_id}", pages.page),
        Route("/login", pages.login_form),
        Route("/login", pages.login, methods=["POST"]),
        Route("/logout", pages.logout, methods=["POST"]),
        Route("/api/events", endpoints.list_events),
        Route(event, endpoints.get_event),
        Route(event + "/picture", endpoints.picture),
        Route(event + "/small", endpoints.small_picture),
        Route(event + "/review", endpoints.review, methods=["POST"]),
        Route(event + "/ask", endpoints.ask, methods=["POST"]),
        Route("/api/overview", endpoints.overview),
        Route("/api/live", endpoints.live),
        Route("/metrics", _metrics(registry)),
        Route("/health/live", _live(overview)),
        Route("/health/ready", _ready(overview)),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    middleware = [
        Middleware(Guard, sessions=sessions),
        Middleware(GZipMiddleware, minimum_size=1000),  # it leaves event streams alone
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={InspectdError: _answer})


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, InspectdError)
    status = next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)
    text = error.detail if isinstance(error, Rejected) else str(error)
    body: dict[str, Any] = {"reason": reason_of(error).lower(), "message": text}
    if isinstance(error, Rejected) and error.field:
        body["field"] = error.field
    return JSONResponse({"error": body}, status_code=status)


def _local(target: str) -> str:
    """A path of ours, so that a login leads nowhere else."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _metrics(registry: CollectorRegistry) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return metrics


def _live(overview: Overview) -> Callable[[Request], Awaitable[Response]]:
    async def live(request: Request) -> Response:
        alive = overview.health()["live"]
        return JSONResponse({"live": alive}, status_code=200 if alive else 503)

    return live


def _ready(overview: Overview) -> Callable[[Request], Awaitable[Response]]:
    async def ready(request: Request) -> Response:
        health = overview.health()
        body = {"ready": health["ready"], "failing": health["failing"], "parts": health["parts"]}
        return JSONResponse(body, status_code=200 if health["ready"] else 503)

    return ready
