from tests.conformance.samples import findings

from inspectd.tokens.cache import TokenKey
from inspectd.tokens.memory import MemoryTokenCache


def key(number: int) -> TokenKey:
    return TokenKey(str(number), "m", 0.25)


async def test_the_least_recently_used_go_first() -> None:
    cache = MemoryTokenCache(max_entries=2, ttl_s=60)
    await cache.put(key(1), findings())
    await cache.put(key(2), findings())
    assert await cache.get(key(1)) is not None
    await cache.put(key(3), findings())
    assert [await cache.get(key(number)) is not None for number in (1, 2, 3)] == [True, False, True]


async def test_time_to_live_is_counted_from_the_put() -> None:
    now = [0.0]
    cache = MemoryTokenCache(max_entries=2, ttl_s=10, clock=lambda: now[0])
    await cache.put(key(1), findings())
    now[0] = 9.9
    assert await cache.get(key(1)) is not None
    now[0] = 10.0
    assert await cache.get(key(1)) is None


async def test_a_closed_cache_has_forgotten_everything() -> None:
    cache = MemoryTokenCache(max_entries=2, ttl_s=10)
    await cache.put(key(1), findings())
    await cache.close()
    assert await cache.get(key(1)) is None
