"""What is particular to Redis: a server that is away, slow, wrong or full."""

import asyncio
import inspect
import socket
import time
from collections import Counter
from typing import Any

import pytest
import redis
import redis.exceptions
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.conformance.samples import findings

from inspectd.errors import Misconfigured, Unreachable
from inspectd.settings import RedisSettings
from inspectd.tokens import redis as adapter
from inspectd.tokens.cache import TokenKey
from inspectd.tokens.redis import RedisTokenCache

KEY = TokenKey("ab", "m", 0.25)
DRIVER_ERRORS = [
    kind
    for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)
    if issubclass(kind, redis.exceptions.RedisError)
]


def settings(url: str) -> RedisSettings:
    return RedisSettings(url=SecretStr(url), ttl_s=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


def counting(url: str, counts: Counter[str], **more: Any) -> RedisTokenCache:
    def count(result: str) -> None:
        counts[result] += 1

    return RedisTokenCache(settings=settings(url), count=count, **more)


@pytest.mark.parametrize("kind", [*DRIVER_ERRORS, ConnectionResetError, TimeoutError, OSError, asyncio.TimeoutError])
async def test_no_exception_of_the_driver_leaves_the_cache(
    kind: type[Exception], counts: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: object, *args: object, **options: object) -> None:
        error = kind.__new__(kind)
        error.args = ("detail",)
        raise error

    monkeypatch.setattr(redis.asyncio.Redis, "execute_command", fail)
    monkeypatch.setattr(adapter, "PAUSE_S", -1.0)
    cache = counting("redis://127.0.0.1:1/0", counts)
    assert await cache.get(KEY) is None
    await cache.put(KEY, findings())
    assert not await cache.ready()
    assert counts == {"unavailable": 1, "put_failed": 1}
    refused = any(name in kind.__name__ for name in ("Authentication", "Authorization", "NoPermission"))
    with pytest.raises(Misconfigured if refused else Unreachable):
        await cache.open()
    await cache.close()


def test_the_driver_has_errors_to_enumerate() -> None:
    assert len(DRIVER_ERRORS) > 15


async def test_an_absent_server_is_a_counted_miss_and_is_left_alone_for_a_moment(counts: Counter[str]) -> None:
    now = [100.0]
    cache = counting(f"redis://127.0.0.1:{free_port()}/0", counts, clock=lambda: now[0])
    with capture_logs() as logs:
        for _ in range(50):
            assert await cache.get(KEY) is None
            await cache.put(KEY, findings())
    assert counts == {"unavailable": 50, "put_failed": 50}
    assert [entry["event"] for entry in logs] == ["the token cache is away"]
    assert not await cache.ready()
    await cache.close()


async def test_an_absent_server_at_the_start_names_the_setting() -> None:
    cache = RedisTokenCache(settings=settings(f"redis://:s3cret@127.0.0.1:{free_port()}/0"))
    with pytest.raises(Unreachable, match=r"redis\.url.*Start Redis") as caught:
        await cache.open()
    assert "s3cret" not in str(caught.value)
    await cache.close()


@pytest.mark.parametrize(
    "url", ["http://x", "127.0.0.1:6379", "redis://h:port/0", "redis://:s3cret@h:1/0?socket_timeout=x"]
)
def test_a_url_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        RedisTokenCache(settings=settings(url))
    assert caught.value.setting == "redis.url"
    assert "s3cret" not in str(caught.value)


@pytest.mark.service("redis")
async def test_bytes_that_are_no_findings_are_a_counted_miss_and_can_be_replaced(
    stack: Any, counts: Counter[str]
) -> None:
    cache = counting(stack.redis, counts)
    await cache.put(KEY, findings())
    plain = redis.Redis.from_url(stack.redis)
    (name,) = [key for key in plain.keys("inspectd:*") if b"ab:m" in key]
    plain.set(name, b"\xff garbage")
    assert await cache.get(KEY) is None
    assert counts["corrupted"] == 1
    await cache.put(KEY, findings())
    assert await cache.get(KEY) is not None
    plain.delete(name)
    plain.lpush(name, "a list")  # a type that GET refuses
    assert await cache.get(KEY) is None
    plain.delete(name)
    plain.close()
    await cache.close()


@pytest.mark.service("redis")
async def test_a_refused_login_names_the_setting_at_the_start_and_is_a_miss_later(
    stack: Any, counts: Counter[str]
) -> None:
    plain = redis.Redis.from_url(stack.redis)
    plain.config_set("requirepass", "s3cret")
    try:
        cache = counting(stack.redis, counts)
        with pytest.raises(Misconfigured, match="login is refused"):
            await cache.open()
        assert await cache.get(KEY) is None
        assert counts == {"unavailable": 1}
        await cache.close()
        right = RedisTokenCache(settings=settings(stack.redis.replace("redis://", "redis://:s3cret@")))
        await right.open()
        await right.close()
    finally:
        plain.config_set("requirepass", "")
        plain.close()


@pytest.mark.service("redis")
async def test_every_entry_has_its_time_to_live(stack: Any) -> None:
    cache = RedisTokenCache(settings=settings(stack.redis))
    await cache.put(KEY, findings())
    plain = redis.Redis.from_url(stack.redis)
    (name,) = [key for key in plain.keys("inspectd:*") if b"ab:m" in key]
    assert 0 < plain.ttl(name) <= 60
    plain.close()
    await cache.close()


@pytest.mark.service("redis")
async def test_a_server_that_comes_back_is_used_again(
    stack: Any, counts: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAUSE_S", 0.05)
    cache = counting(stack.redis, counts)
    await cache.open()
    await cache.put(KEY, findings())
    assert await cache.get(KEY) is not None
    stack.kill("redis")
    assert await cache.get(KEY) is None
    assert not await cache.ready()
    stack.revive("redis")  # in this thread: the server ends with the one that started it
    assert await cache.ready()
    await cache.put(KEY, findings())
    assert await cache.get(KEY) is not None
    assert counts == {"hit": 2, "unavailable": 1}
    await cache.close()


@pytest.mark.service("redis")
async def test_a_server_that_says_nothing_costs_one_short_wait(stack: Any, counts: Counter[str]) -> None:
    cache = counting(stack.redis, counts)
    assert await cache.ready()
    stack.pause("redis")
    try:
        before = time.monotonic()
        for _ in range(20):
            assert await cache.get(KEY) is None
        assert time.monotonic() - before < 4 * adapter.TIMEOUT_S + 1
    finally:
        stack.resume("redis")
    assert counts["unavailable"] == 20
    await cache.close()
