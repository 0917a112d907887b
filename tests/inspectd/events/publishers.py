"""Publishers for the outbox's tests."""

import asyncio
from collections.abc import Sequence

from inspectd.errors import Unavailable
from inspectd.records import Change


class RecordingPublisher:
    """Keeps what it was given; fails while `away`, waits while `held`."""

    def __init__(self) -> None:
        self.published: list[Change] = []
        self.away = False
        self.tries = 0
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, changes: Sequence[Change]) -> None:
        self.tries += 1
        await self.open.wait()
        if self.away:
            raise Unavailable("no broker")
        self.published += changes

    async def close(self) -> None:
        self.away = True

    @property
    def sequences(self) -> list[int]:
        return [change.sequence for change in self.published]
