"""The port for telling somebody of an event or a drift outside the dashboard, and the rule against a flood."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from inspectd.errors import InspectdError, Unavailable
from inspectd.metrics import Metrics
from inspectd.records import DefectEvent, ScoreDrift

log = structlog.get_logger(__name__)

#: Events and drifts waiting to be told; beyond it the newest is dropped and counted.
QUEUE_SIZE = 256
#: Tries of one notification.
TRIES = 3


class Notifier(Protocol):
    """Tells one recipient. May repeat; carries the id of the event or the drift so that a reader can drop repetitions."""

    async def notify(self, event: DefectEvent) -> None:
        """Raises Unavailable (try again later), Rejected (the recipient refuses it)."""

    async def warn(self, drift: ScoreDrift) -> None:
        """A camera's scores have begun to drift. Raises as `notify` does."""

    async def close(self) -> None:
        """Lets go of the connection."""


class AlertRule:
    """At most one event per camera and cool-down time, and every drift; bounded, and never in the path of a frame."""

    def __init__(
        self, *, notifier: Notifier, cooldown_s: float, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._cooldown_s, self._metrics, self._clock = notifier, cooldown_s, metrics, clock
        self._queue: asyncio.Queue[DefectEvent | ScoreDrift] = asyncio.Queue(QUEUE_SIZE)
        self._told_at: dict[str, float] = {}

    def offer(self, event: DefectEvent) -> None:
        """Decides at once whether the event is told. Never waits."""
        now, last = self._clock(), self._told_at.get(event.camera_id)
        if last is not None and now - last < self._cooldown_s:
            self._metrics.notifications.labels("cooldown").inc()
            return
        if self._put(event):
            self._told_at[event.camera_id] = now

    def warn(self, drift: ScoreDrift) -> None:
        """Has a drift told, whatever was told of the camera's events. Never waits."""
        self._put(drift)

    def _put(self, what: DefectEvent | ScoreDrift) -> bool:
        try:
            self._queue.put_nowait(what)
        except asyncio.QueueFull:
            self._metrics.notifications.labels("queue_full").inc()
            return False
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            what = await self._queue.get()
            self._metrics.notifications.labels(await self._tell(what)).inc()

    async def _tell(self, what: DefectEvent | ScoreDrift) -> str:
        of = what.event_id if isinstance(what, DefectEvent) else what.alarm_id
        for attempt in range(1, TRIES + 1):
            try:
                await (self._notifier.notify(what) if isinstance(what, DefectEvent) else self._notifier.warn(what))
                return "sent"
            except Unavailable as error:
                log.warning("notification failed", of=of, error=str(error), tries=attempt)
                await asyncio.sleep(2.0**attempt / 2)
            except InspectdError as error:
                log.warning("notification refused", of=of, error=str(error))
                return "refused"
        return "failed"
