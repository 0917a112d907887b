"""Findings kept in this process: bounded, the least recently used go first, and each has its time to live."""

import time
from collections import OrderedDict
from collections.abc import Callable

from inspectd.records import Findings
from inspectd.tokens.cache import TokenKey


class MemoryTokenCache:
    """`count` hears `hit` or `miss` of every look-up."""

    def __init__(
        self,
        *,
        max_entries: int,
        ttl_s: float,
        count: Callable[[str], object] = lambda result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._ttl_s = ttl_s
        self._count = count
        self._clock = clock
        self._entries: OrderedDict[TokenKey, tuple[float, Findings]] = OrderedDict()

    async def get(self, key: TokenKey) -> Findings | None:
        """See the port."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] <= self._clock():
            del self._entries[key]
            entry = None
        if entry is None:
            self._count("miss")
            return None
        self._entries.move_to_end(key)
        self._count("hit")
        return entry[1]

    async def put(self, key: TokenKey, findings: Findings) -> None:
        """See the port."""
        self._entries[key] = (self._clock() + self._ttl_s, findings)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    async def ready(self) -> bool:
        """Always."""
        return True

    async def close(self) -> None:
        """Forgets everything."""
        self._entries.clear()
