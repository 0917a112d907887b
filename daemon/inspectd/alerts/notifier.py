"""The port for telling somebody of an event outside the dashboard, and the rule that keeps it from becoming a flood."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from inspectd.errors import InspectdError, Unavailable
from inspectd.metrics import Metrics
from inspectd.records import DefectEvent

log = structlog.get_logger(__name__)

#: Events waiting to be told; beyond it the newest is dropped and counted.
QUEUE_SIZE = 256
#: Tries of one notification.
TRIES = 3


class Notifier(Protocol):
    """Tells one recipient of one event. May repeat; carries the event id so that a reader can drop repetitions."""

    async def notify(self, event: DefectEvent) -> None:
        """Raises Unavailable (try again later), Rejected (the recipient refuses it)."""

    async def close(self) -> None:
        """Lets go of the connection."""


class AlertRule:
    """At most one notification per camera and cool-down time; bounded, and never in the path of a frame."""

    def __init__(
        self, *, notifier: Notifier, cooldown_s: float, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._cooldown_s, self._metrics, self._clock = notifier, cooldown_s, metrics, clock
        self._queue: asyncio.Queue[DefectEvent] = asyncio.Queue(QUEUE_SIZE)
        self._told_at: dict[str, float] = {}

    def offer(self, event: DefectEvent) -> None:
        """Decides at once whether the event is told. Never waits."""
        now, last = self._clock(), self._told_at.get(event.camera_id)
        if last is not None and now - last < self._cooldown_s:
            self._metrics.notifications.labels("cooldown").inc()
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.notifications.labels("queue_full").inc()
            return
        self._told_at[event.camera_id] = now

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._queue.get()
            self._metrics.notifications.labels(await self._tell(event)).inc()

    async def _tell(self, event: DefectEvent) -> str:
        for attempt in range(1, TRIES + 1):
            try:
                await self._notifier.notify(event)
                return "sent"
            except Unavailable as error:
                log.warning("notification failed", event_id=event.event_id, error=str(error), tries=attempt)
                await asyncio.sleep(2.0**attempt / 2)
            except InspectdError as error:
                log.warning("notification refused", event_id=event.event_id, error=str(error))
                return "refused"
        return "failed"
