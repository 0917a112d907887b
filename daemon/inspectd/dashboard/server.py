"""Serves the dashboard: binds, protects, runs uvicorn inside the daemon's loop. Knows no page."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import structlog
import uvicorn

from inspectd.api.directory import CameraDirectory
from inspectd.api.exposure import load_certificate, require_tls, require_token
from inspectd.api.services import Narrator, Readiness
from inspectd.dashboard.app import build_app
from inspectd.dashboard.endpoints import Endpoints
from inspectd.dashboard.guard import Sessions
from inspectd.dashboard.overview import Overview
from inspectd.dashboard.pictures import Pictures
from inspectd.dashboard.views import EventViews
from inspectd.errors import Misconfigured
from inspectd.events.feed import ChangeFeed
from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.metrics import Metrics
from inspectd.settings import DashboardSettings

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Dashboard:
    """Serves on `settings.host:settings.port` between start and stop."""

    def __init__(
        self,
        *,
        settings: DashboardSettings,
        events: EventStore,
        evidence: EvidenceStore,
        narrator: Narrator,
        directory: CameraDirectory,
        feed: ChangeFeed,
        readiness: Readiness,
        metrics: Metrics,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._closing = asyncio.Event()
        overview = Overview(events=events, directory=directory, readiness=readiness)
        endpoints = Endpoints(
            events=events,
            narrator=narrator,
            pictures=Pictures(evidence=evidence),
            overview=overview,
            event_views=EventViews(),
            feed=feed,
            closing=self._closing,
            clock=clock,
        )
        self._app = build_app(
            endpoints=endpoints,
            overview=overview,
            registry=metrics.registry,
            sessions=Sessions(token=settings.token.get_secret_value()),
            secure=settings.tls_certificate is not None,
        )
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        #: The page's address after start, such as `http://127.0.0.1:8080`.
        self.address = ""

    async def start(self) -> None:
        """Binds. Raises Misconfigured with the setting's name."""
        settings = self._settings
        require_token("dashboard", settings.host, settings.token.get_secret_value())
        tls = load_certificate("dashboard", settings.tls_certificate, settings.tls_key) is not None
        if not settings.tls_before:
            require_tls("dashboard", settings.host, settings.tls_certificate)
        listening = _bind(settings)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=settings.tls_certificate.expanduser() if settings.tls_certificate else None,
            ssl_keyfile=settings.tls_key.expanduser() if settings.tls_key else None,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]), name="dashboard")
        while not self._server.started:
            if self._task.done():
                listening.close()
                self._task.result()
            await asyncio.sleep(0.01)
        host, port = listening.getsockname()[:2]
        host = f"[{host}]" if ":" in host else host
        self.address = f"{'https' if tls else 'http'}://{host}:{port}"
        log.info("the dashboard is served", address=self.address)

    async def stop(self) -> None:
        """Ends the live streams and lets short requests finish."""
        self._closing.set()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the daemon's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(settings: DashboardSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        where = f"{settings.host}:{settings.port}"
        raise Misconfigured(
            "dashboard.port",
            f"{where} cannot be bound ({error.strerror})",
            "Set INSPECTD_DASHBOARD__PORT to a free one",
        ) from error
    return listening
