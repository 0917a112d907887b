"""Findings in Redis, shared by the daemons and surviving their restarts.

A server that is away costs a frame at most one short timeout a second: after a failure the cache answers "miss" by itself for
a moment before it tries again.
"""

import time
from collections.abc import Callable

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
)

from inspectd.errors import Misconfigured, Unreachable
from inspectd.records import Findings
from inspectd.settings import RedisSettings
from inspectd.tokens import codec
from inspectd.tokens.cache import TokenKey

log = structlog.get_logger(__name__)

#: Longest wait for the server, in seconds: recomputing the findings is not much slower.
TIMEOUT_S = 0.5
#: How long the server is left alone after a failure, in seconds.
PAUSE_S = 1.0
_PREFIX = f"inspectd:findings:{codec.VERSION}:"
#: What the driver raises. OSError: the socket's own; TimeoutError is one of them.
_FAILURES = (RedisError, OSError)
#: Of these, what no waiting mends.
_REFUSED = (AuthenticationError, AuthenticationWrongNumberOfArgsError, AuthorizationError, NoPermissionError)
_FORM = "Use redis://:PASSWORD@HOST:6379/0, or leave it empty to keep tokens in memory"


class RedisTokenCache:
    """`count` hears `hit`, `miss`, `unavailable` or `corrupted` of every look-up, and `put_failed` of a put that was lost."""

    def __init__(
        self,
        *,
        settings: RedisSettings,
        count: Callable[[str], object] = lambda result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s, self._count, self._clock = settings.ttl_s, count, clock
        self._away_until = 0.0
        self._away = False
        try:
            self._redis = redis.Redis.from_url(
                settings.url.get_secret_value(),
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                socket_keepalive=True,
                # One more try on a fresh connection, at once: the driver's own three with pauses would take seconds.
                retry=Retry(NoBackoff(), 1),
                health_check_interval=15,
                client_name="inspectd",
            )
        except ValueError as error:
            # The URL itself stays out of the message: it may hold a password.
            raise Misconfigured("redis.url", "the URL cannot be read", _FORM) from error

    async def open(self) -> None:
        """Raises Unreachable("redis.url") when the server does not answer, Misconfigured when it refuses the login."""
        try:
            await self._ask()
        except _REFUSED as error:
            raise Misconfigured("redis.url", f"the login is refused ({error})", _FORM) from error
        except _FAILURES as error:
            raise Unreachable(
                "redis.url", f"no answer ({error})", f"Start Redis, or correct the URL. {_FORM}"
            ) from error

    async def get(self, key: TokenKey) -> Findings | None:
        """See the port. Bytes that cannot be read are a miss, too."""
        if self._clock() < self._away_until:
            self._count("unavailable")
            return None
        try:
            data = await self._redis.get(_PREFIX + str(key))
        except _FAILURES as error:
            self._failed(error)
            self._count("unavailable")
            return None
        self._answered()
        if data is None:
            self._count("miss")
            return None
        try:
            findings = codec.decode(data if isinstance(data, bytes) else data.encode())
        except codec.CorruptedFindings as error:
            log.warning("cached findings cannot be read", key=str(key), error=str(error))
            self._count("corrupted")
            return None
        self._count("hit")
        return findings

    async def put(self, key: TokenKey, findings: Findings) -> None:
        """See the port."""
        if self._clock() < self._away_until:
            self._count("put_failed")
            return
        try:
            await self._redis.set(_PREFIX + str(key), codec.encode(findings), ex=self._ttl_s)
        except _FAILURES as error:
            self._failed(error)
            self._count("put_failed")
            return
        self._answered()

    async def ready(self) -> bool:
        """See the port. Asks the server itself, also in the moment after a failure."""
        try:
            await self._ask()
        except _FAILURES as error:
            self._failed(error)
            return False
        self._answered()
        return True

    async def close(self) -> None:
        """See the port."""
        await self._redis.aclose()

    async def _ask(self) -> None:
        await self._redis.ping()

    def _failed(self, error: Exception) -> None:
        self._away_until = self._clock() + PAUSE_S
        if not self._away:
            log.warning("the token cache is away", error=str(error))
        self._away = True

    def _answered(self) -> None:
        self._away_until = 0.0
        if self._away:
            log.info("the token cache is back")
        self._away = False
