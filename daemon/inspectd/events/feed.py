"""Following the change log: one poll of the store wakes every reader. Knows no transport.

The store may be written by another process of the same group, so the log is polled; however many readers there are, the
newest sequence is asked for once per interval, and a reader touches the store only when there is something new.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import structlog

from inspectd.errors import Expired, Unavailable
from inspectd.events.store import EventStore
from inspectd.records import Change

log = structlog.get_logger(__name__)

#: Changes read from the store at once.
READ_AT_ONCE = 200


class ChangeFeed:
    """Hands every change after a sequence to every reader, in order and without a gap."""

    def __init__(self, *, events: EventStore, poll_s: float = 0.1) -> None:
        self._events, self._poll_s = events, poll_s
        self._newest = 0
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the poll."""
        self._task = asyncio.create_task(self._poll(), name="change-feed")

    async def stop(self) -> None:
        """Stops the poll; readers see no more changes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def now(self) -> int:
        """The newest sequence: where a reader begins that wants only what is still to come."""
        return await self._events.last_sequence()

    async def check(self, after: int) -> None:
        """Raises Expired when a reader cannot continue after this sequence without a gap."""
        newest = await self._events.last_sequence()
        if after > newest:
            raise Expired(f"sequence {after} is ahead of this log, which ends at {newest}: it comes from another log")
        if after < newest:
            await self._events.changes(after, 1)

    async def follow(self, after: int, heartbeat_s: float) -> AsyncGenerator[Sequence[Change], None]:
        """Batches of changes for ever; an empty batch when nothing happened for `heartbeat_s`. Raises Expired, Unavailable."""
        while True:
            changes = await self._events.changes(after, READ_AT_ONCE)
            if changes:
                after = changes[-1].sequence
                yield changes
            elif not await self._wait(after, heartbeat_s):
                yield ()

    async def _wait(self, after: int, timeout_s: float) -> bool:
        async with self._moved:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._moved.wait_for(lambda: self._newest > after)
            except TimeoutError:
                return False
        return True

    async def _poll(self) -> None:
        while True:
            try:
                newest = await self._events.last_sequence()
            except Unavailable as error:  # readers wait meanwhile; their own reads tell them
                log.warning("change log cannot be read", error=str(error))
                await asyncio.sleep(1.0)
                continue
            if newest != self._newest:
                async with self._moved:
                    self._newest = newest
                    self._moved.notify_all()
            await asyncio.sleep(self._poll_s)
