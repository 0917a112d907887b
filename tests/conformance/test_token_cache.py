"""Every token cache keeps the promises of `tokens.cache`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from tests.conformance.samples import equal, findings

from inspectd.settings import RedisSettings
from inspectd.tokens.cache import TokenCache, TokenKey
from inspectd.tokens.memory import MemoryTokenCache
from inspectd.tokens.redis import RedisTokenCache

TTL_S = 1


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service("redis"))])
async def cache(request: pytest.FixtureRequest, counts: Counter[str]) -> AsyncIterator[TokenCache]:
    def count(result: str) -> None:
        counts[result] += 1

    cache: TokenCache
    if request.param == "memory":
        cache = MemoryTokenCache(max_entries=100, ttl_s=TTL_S, count=count)
    else:
        settings = RedisSettings(url=SecretStr(request.getfixturevalue("stack").redis), ttl_s=TTL_S)
        cache = RedisTokenCache(settings=settings, count=count)
    yield cache
    await cache.close()


def key(request: pytest.FixtureRequest, **changes: object) -> TokenKey:
    fields: dict[str, object] = {"sha256": f"sha of {request.node.name}", "model_version": "m", "proposal": 0.25}
    return TokenKey(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("regions", [0, 1, 16])
async def test_findings_come_back_bit_for_bit(
    cache: TokenCache, counts: Counter[str], request: pytest.FixtureRequest, regions: int
) -> None:
    put = findings(regions)
    await cache.put(key(request), put)
    got = await cache.get(key(request))
    assert got is not None
    assert equal(got, put)
    assert counts == {"hit": 1}


async def test_any_other_circumstance_is_a_miss(
    cache: TokenCache, counts: Counter[str], request: pytest.FixtureRequest
) -> None:
    await cache.put(key(request), findings())
    others = [
        *({"sha256": "other"}, {"model_version": "n"}, {"proposal": 0.3}, {"reference_version": "r"}),
        {"describes_reference": True},
    ]
    for change in others:
        assert await cache.get(key(request, **change)) is None
    assert counts == {"miss": len(others)}


async def test_a_second_put_replaces_the_first(cache: TokenCache, request: pytest.FixtureRequest) -> None:
    await cache.put(key(request), findings(1))
    await cache.put(key(request), findings(3))
    got = await cache.get(key(request))
    assert got is not None
    assert equal(got, findings(3))


async def test_findings_are_forgotten_after_their_time(cache: TokenCache, request: pytest.FixtureRequest) -> None:
    await cache.put(key(request), findings())
    await asyncio.sleep(TTL_S + 0.1)
    assert await cache.get(key(request)) is None


async def test_it_is_ready(cache: TokenCache) -> None:
    assert await cache.ready()
