"""Consume, bound, retry, dead-letter, acknowledge. It knows when a frame is finished, not how one is inspected."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from inspectd.deadletters.store import DeadLetterStore
from inspectd.errors import CalibrateAgain, ModelFailed, Rejected, Unavailable
from inspectd.frames.source import Delivery, FrameRecord, FrameSource
from inspectd.inspections.ledger import InspectionSink
from inspectd.metrics import Metrics
from inspectd.pipeline import Inspector, Verdict
from inspectd.records import Frame, Inspection, Outcome

T = TypeVar("T")
log = structlog.get_logger(__name__)

#: Tries on a frame that the model broke on, before it is taken for poison.
MODEL_TRIES = 3
#: Why a frame is refused whose camera's memory or template cannot be used: replay it once the camera is calibrated.
CALIBRATE_AGAIN = "calibrate_again"
#: Longest pause between two tries while a server is away, in seconds.
LONGEST_PAUSE_S = 10.0


class FrameReader(Protocol):
    """Reads records; `frames.codec` is the one there is."""

    async def read(self, record: FrameRecord) -> Frame:
        """Raises Rejected for a bad record, Unavailable when a blob store is away."""

    def identify(self, record: FrameRecord) -> tuple[str, str]:
        """(frame id, camera id) of a record that cannot be read. Never raises."""


class Worker:
    """Takes frames from the source, many at once, and acknowledges each when its traces are safe.

    A server that is away holds a frame back for as long as it takes. What no waiting mends ends in the dead letters: a bad
    frame, and the frames of a camera that has to be calibrated again, which must not hold up those of the others.
    """

    def __init__(
        self,
        *,
        source: FrameSource,
        reader: FrameReader,
        inspector: Inspector,
        dead_letters: DeadLetterStore,
        ledger: InspectionSink,
        metrics: Metrics,
        max_in_flight: int,
        clock: Callable[[], datetime],
        on_verdict: Callable[[Frame | None, Verdict], None] = lambda frame, verdict: None,
    ) -> None:
        self._source, self._reader, self._inspector = source, reader, inspector
        self._dead_letters, self._ledger, self._metrics = dead_letters, ledger, metrics
        self._slots, self._clock, self._on_verdict = asyncio.Semaphore(max_in_flight), clock, on_verdict

    async def run(self) -> None:
        """Until the source ends. Cancelled, it lets go of the frames in flight unacknowledged: they come again."""
        try:
            async with asyncio.TaskGroup() as group:
                async for delivery in self._deliveries():
                    group.create_task(self._handle(delivery))
        finally:
            self._metrics.in_flight.set(0)

    async def drop(self, record: FrameRecord, reason: str) -> None:
        """A live source let this record go by: it leaves its inspection like every other frame."""
        self._metrics.received.inc()
        self._metrics.in_flight.inc()
        frame_id, camera_id = self._reader.identify(record)
        inspection = Inspection(
            frame_id=frame_id,
            camera_id=camera_id,
            outcome=Outcome.DROPPED,
            inspect_time=self._clock(),
            capture_time=record.timestamp,
            reason=reason,
        )
        await self._patiently("ledger", lambda: self._ledger.record(inspection))
        self._finish(inspection)
        self._on_verdict(None, Verdict(inspection, ()))

    async def _deliveries(self) -> AsyncIterator[Delivery]:
        while True:
            await self._slots.acquire()
            delivery = await self._source.receive()
            if delivery is None:
                self._slots.release()
                return
            yield delivery

    async def _handle(self, delivery: Delivery) -> None:
        async with self._counted() as finish:
            frame = None
            try:
                frame = await self._patiently("blob", lambda: self._reader.read(delivery.record))
                verdict = await self._inspect(frame)
            except Rejected as error:
                verdict = await self._refuse(delivery.record, frame, error)
            self._source.acknowledge(delivery)
            finish(verdict.inspection)
            self._on_verdict(frame, verdict)

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[Callable[[Inspection], None]]:
        """Keeps received = sum of outcomes + in flight true at every moment."""
        self._metrics.received.inc()
        self._metrics.in_flight.inc()
        try:
            yield self._finish
        finally:
            self._slots.release()

    def _finish(self, inspection: Inspection) -> None:
        self._metrics.in_flight.dec()
        self._metrics.outcomes.labels(inspection.outcome.value, inspection.reason).inc()
        self._metrics.latency.observe(max(0.0, (inspection.inspect_time - inspection.capture_time).total_seconds()))
        if inspection.outcome is Outcome.DEFECT:
            self._metrics.events.inc()

    async def _inspect(self, frame: Frame) -> Verdict:
        async def attempt() -> Verdict:
            return await self._patiently("frame", lambda: self._inspector.inspect(frame))

        try:
            async for state in AsyncRetrying(
                stop=stop_after_attempt(MODEL_TRIES), retry=retry_if_exception_type(ModelFailed), reraise=True
            ):
                with state:
                    verdict = await attempt()
        except ModelFailed as error:
            raise Rejected("model_failed", f"{MODEL_TRIES} tries: {error}") from error
        except CalibrateAgain as error:
            raise Rejected(CALIBRATE_AGAIN, str(error)) from error
        return verdict

    async def _refuse(self, record: FrameRecord, frame: Frame | None, error: Rejected) -> Verdict:
        """Dead letter first, then the ledger: a frame is never only counted. `frame` is None when it could not be read."""
        frame_id, camera_id = (frame.frame_id, frame.camera_id) if frame else self._reader.identify(record)
        inspection = Inspection(
            frame_id=frame_id,
            camera_id=camera_id,
            outcome=Outcome.REJECTED,
            inspect_time=self._clock(),
            capture_time=frame.capture_time if frame else record.timestamp,
            part_id=frame.part_id if frame else "",
            lot=frame.lot if frame else "",
            reason=error.reason,
        )
        log.info("frame refused", frame_id=frame_id, reason=error.reason, detail=error.detail)
        await self._patiently("dead letter", lambda: self._dead_letters.put(record, error.reason, error.detail))
        await self._patiently("ledger", lambda: self._ledger.record(inspection))
        return Verdict(inspection, ())

    async def _patiently(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeats while a server is away. Overloaded is a server's way of saying later, and treated alike."""

        def note(state: RetryCallState) -> None:
            self._metrics.retries.labels(what).inc()
            error = state.outcome.exception() if state.outcome else None
            log.warning("waiting for a server", what=what, error=str(error), tries=state.attempt_number)

        retrying = AsyncRetrying(
            wait=wait_exponential_jitter(multiplier=0.1, max=LONGEST_PAUSE_S, jitter=0.1),
            retry=retry_if_exception_type(Unavailable),
            before_sleep=note,
            reraise=True,
        )
        async for state in retrying:
            with state:
                result = await attempt()
        return result
