"""Gives every event its words, later and bounded: the alert never waits for text.

The queue lives in the store: an event whose explanation is pending is waiting, also after a restart.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from inspectd.errors import CalibrateAgain, InspectdError, ModelFailed, NotFound, Rejected, TooLate, Unavailable
from inspectd.events.store import EventStore
from inspectd.explanations.narrator import Narrator
from inspectd.metrics import Metrics
from inspectd.records import DefectEvent, Explanation, ExplanationState
from inspectd.settings import ExplanationSettings

log = structlog.get_logger(__name__)

#: How long the writer waits before it tries again while a server is away, in seconds.
PAUSE_S = 2.0


class ExplanationWriter:
    """Takes pending events, `batch_size` at once, and revises each with its words, its failure or its expiry."""

    def __init__(
        self,
        *,
        events: EventStore,
        narrator: Narrator,
        settings: ExplanationSettings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        on_change: Callable[[DefectEvent], None] = lambda event: None,
    ) -> None:
        self._events, self._narrator, self._settings = events, narrator, settings
        self._metrics, self._clock, self._on_change = metrics, clock, on_change
        self._queue: asyncio.Queue[DefectEvent] = asyncio.Queue(settings.queue_size)
        self._known: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._overflow: set[str] = set()

    def offer(self, event: DefectEvent) -> None:
        """Puts a new event into the queue, or marks it for expiry when the queue is full. Never waits."""
        if event.explanation.state is not ExplanationState.PENDING or event.event_id in self._known:
            return
        self._known.add(event.event_id)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._overflow.add(event.event_id)
        self._gauge()

    @property
    def idle(self) -> bool:
        """Whether no event is waiting or being explained."""
        return self._idle.is_set()

    async def wait_idle(self) -> None:
        """Returns when no event is waiting or being explained."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled. Events that a former run left pending come first."""
        await self._take_up()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.batch_size):
                group.create_task(self._work())
            group.create_task(self._expire_overflow())

    async def _take_up(self) -> None:
        while True:
            try:
                for event in await self._events.pending(self._settings.queue_size):
                    self.offer(event)
                return
            except Unavailable as error:
                log.warning("waiting for the event store", error=str(error))
                await asyncio.sleep(PAUSE_S)

    async def _work(self) -> None:
        while True:
            event = await self._queue.get()
            while True:
                try:
                    await self._settle(event.event_id, await self._explain(event))
                    break
                except Unavailable as error:
                    log.warning("waiting to explain", event_id=event.event_id, error=str(error))
                    await asyncio.sleep(PAUSE_S)

    async def _explain(self, event: DefectEvent) -> Explanation:
        left_s = self._settings.deadline_s - (self._clock() - event.raise_time).total_seconds()
        expired = _ended(ExplanationState.EXPIRED, f"waited longer than {self._settings.deadline_s:.0f} s")
        if left_s <= 0:
            return expired
        try:
            return await self._narrator.describe(event, left_s)
        except TooLate:
            return expired
        except Unavailable:
            raise
        except (CalibrateAgain, ModelFailed, NotFound, Rejected) as error:
            return _ended(ExplanationState.FAILED, str(error))

    async def _expire_overflow(self) -> None:
        """Events that found the queue full: they are told so, so that nobody waits for words that never come."""
        while True:
            await asyncio.sleep(PAUSE_S / 4)
            for event_id in sorted(self._overflow):
                try:
                    await self._settle(event_id, _ended(ExplanationState.EXPIRED, "the explanation queue was full"))
                except Unavailable:
                    break  # the store is away: they stay marked
                self._overflow.discard(event_id)

    async def _settle(self, event_id: str, explanation: Explanation) -> None:
        def edit(event: DefectEvent) -> DefectEvent:
            return replace(event, explanation=explanation)

        try:
            change = await self._events.revise(event_id, edit)
        except NotFound:
            log.warning("an event went before it was explained", event_id=event_id)
        except Unavailable:
            raise
        except InspectdError as error:
            log.error("an explanation could not be stored", event_id=event_id, error=str(error))
        else:
            self._on_change(change.event)
        self._known.discard(event_id)
        self._metrics.explanations.labels(explanation.state.value, explanation.origin.value).inc()
        self._gauge()

    def _gauge(self) -> None:
        self._metrics.pending.set(len(self._known))
        if self._known:
            self._idle.clear()
        else:
            self._idle.set()


def _ended(state: ExplanationState, why: str) -> Explanation:
    return Explanation(state=state, failure=why)
