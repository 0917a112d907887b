"""The outbox: what is committed is announced, in the order of the commits, however often it takes.

Knows neither SQL nor Kafka. A crash between commit and announcement, or between announcement and mark, repeats changes;
none is left out but those that the broker refuses for good. They are logged and counted, and stay in the store.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
import tenacity

from inspectd.errors import Rejected, Unavailable
from inspectd.events.store import EventPublisher, EventStore
from inspectd.events.turn import OutboxTurn
from inspectd.records import Change

log = structlog.get_logger(__name__)

#: Changes announced at once.
BATCH = 200
#: Longest wait between two tries, in seconds.
MAX_BACKOFF_S = 5.0


class OutboxPublisher:
    """Runs beside the pipeline, which waits in `wait_published` for what it has raised.

    `turn` keeps several daemons on one database from announcing side by side; without one the daemon must be alone.
    `poll_s` is how soon the changes of others are noticed. `count_retry` hears of every failed try, `count_refused` the
    reason of every change that is given up.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        publisher: EventPublisher,
        turn: OutboxTurn | None = None,
        poll_s: float = 0.2,
        count_retry: Callable[[], object] = lambda: None,
        count_refused: Callable[[str], object] = lambda reason: None,
    ) -> None:
        self._events, self._publisher, self._turn = events, publisher, turn
        self._poll_s, self._count_retry, self._count_refused = poll_s, count_retry, count_refused
        self._published_through = 0
        self._moved = asyncio.Condition()
        self._wake = asyncio.Event()
        self._working = True

    @property
    def ready(self) -> bool:
        """Whether the last try went through."""
        return self._working

    def wake(self) -> None:
        """Tells that there may be something to announce."""
        self._wake.set()

    async def wait_published(self, sequence: int) -> None:
        """Returns when every change up to this one is acknowledged, by this daemon or another, or refused for good."""
        if sequence <= self._published_through:
            return
        self.wake()
        async with self._moved:
            await self._moved.wait_for(lambda: sequence <= self._published_through)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            if not await self._publish_patiently():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._wake.wait()

    async def _publish_patiently(self) -> int:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=MAX_BACKOFF_S),
            before_sleep=self._on_failure,
        )
        published: int = await retrying(self._publish_some)
        self._working = True
        return published

    def _on_failure(self, state: tenacity.RetryCallState) -> None:
        self._working = False
        self._count_retry()
        error = state.outcome.exception() if state.outcome is not None else None
        log.warning("events cannot be announced", attempt=state.attempt_number, error=str(error))

    async def _publish_some(self) -> int:
        newest = (
            await self._events.last_sequence()
        )  # before the look at the outbox: what is not in it then is published
        mine = self._turn is None or await self._turn.mine()
        waiting = await self._events.unpublished(BATCH if mine else 1)
        await self._move(waiting[0].sequence - 1 if waiting else newest)
        if not waiting or not mine:
            return 0
        try:
            await self._publisher.publish(waiting)
        except Rejected:
            await self._publish_apart(waiting)
        else:
            await self._done(waiting)
        return len(waiting)

    async def _publish_apart(self, waiting: Sequence[Change]) -> None:
        """One by one: a batch does not tell which of its changes is refused, and the others must not wait for ever."""
        for change in waiting:
            try:
                await self._publisher.publish([change])
            except Rejected as error:
                self._count_refused(error.reason)
                event = change.event
                log.error(
                    "an event is not announced: the broker refuses it",
                    event_id=event.event_id,
                    revision=event.revision,
                    reason=error.reason,
                    detail=error.detail,
                )
            await self._done([change])

    async def _done(self, changes: Sequence[Change]) -> None:
        await self._move(changes[-1].sequence)
        await self._events.mark_published([change.sequence for change in changes])

    async def _move(self, through: int) -> None:
        """Everything up to `through` is acknowledged: the outbox empties in order."""
        if through > self._published_through:
            async with self._moved:
                self._published_through = through
                self._moved.notify_all()
