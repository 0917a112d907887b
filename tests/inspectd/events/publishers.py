"""Publishers for the outbox's tests."""

import asyncio
from collections.abc import Sequence

from inspectd.errors import Rejected, Unavailable
from inspectd.records import Change


class RecordingPublisher:
    """Keeps what it was given; fails while `away`, waits while not `open`, and refuses the events in `refused`."""

    def __init__(self) -> None:
        self.published: list[Change] = []
        self.away = False
        self.tries = 0
        self.refused: set[str] = set()
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, changes: Sequence[Change]) -> None:
        self.tries += 1
        await self.open.wait()
        if self.away:
            raise Unavailable("no broker")
        taken = [change for change in changes if change.event.event_id not in self.refused]
        self.published += taken
        if len(taken) < len(changes):
            raise Rejected("too_large", "the record is above the topic's limit")

    async def close(self) -> None:
        self.away = True

    @property
    def sequences(self) -> list[int]:
        return [change.sequence for change in self.published]
