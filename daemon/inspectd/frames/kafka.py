"""Frames from Kafka: the face towards asyncio of a consumer group's member that polls in a thread of its own."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

import structlog

from inspectd.errors import InspectdError, Misconfigured
from inspectd.frames.kafka_group import GroupMember
from inspectd.frames.offsets import OffsetBook
from inspectd.frames.source import Delivery
from inspectd.settings import KafkaSettings

log = structlog.get_logger(__name__)

#: Between two tries after the broker refused one.
_RETRY_S = 0.5


class KafkaFrameSource:
    """`FrameSource` over a consumer group. At most `max_in_flight` deliveries are outstanding at any time."""

    def __init__(self, *, settings: KafkaSettings, max_in_flight: int) -> None:
        self._book, self._wake = OffsetBook(), threading.Event()
        self._member = GroupMember(
            settings=settings, max_in_flight=max_in_flight, book=self._book, wake=self._wake, deliver=self._deliver
        )
        self._queue: deque[Delivery] = deque()  # bounded by max_in_flight through the book
        self._arrived = asyncio.Event()
        self._failure: InspectdError | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Joins the group. Raises Unavailable (no broker) or Misconfigured (addresses, credentials, topic)."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="kafka-frames", daemon=True)
        self._thread.start()
        await opened

    async def receive(self) -> Delivery | None:
        """The next record. None after `close`; raises Misconfigured when the broker refuses us for good."""
        while True:
            while self._queue:
                delivery = self._queue.popleft()
                if self._is_current(delivery):
                    return delivery
                self.acknowledge(delivery)  # its partition went to another member: not ours to inspect any more
            if self._failure is not None:
                raise self._failure
            if self._stopping:
                return None
            self._arrived.clear()
            await self._arrived.wait()

    def acknowledge(self, delivery: Delivery) -> None:
        """Late and repeated ones are ignored."""
        record = delivery.record
        self._book.acknowledge((record.topic, record.partition), record.offset, delivery.generation)
        self._wake.set()

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and the broker answers."""
        return self._member.ready and self._failure is None and not self._stopping

    @property
    def lag(self) -> int:
        """Records that wait in the assigned partitions."""
        return self._member.lag

    async def close(self) -> None:
        """Commits what is finished, leaves the group, ends `receive`."""
        self._stopping = True
        self._wake.set()
        self._arrived.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _is_current(self, delivery: Delivery) -> bool:
        return self._book.is_current((delivery.record.topic, delivery.record.partition), delivery.generation)

    def _run(self, opened: asyncio.Future[None]) -> None:
        """The poll thread."""
        try:
            self._member.connect()
        except Exception as error:  # of any kind: `open` waits for it
            self._member.close()
            self._call(_settle, opened, error)
            return
        self._call(_settle, opened, None)
        try:
            self._read()
        except Exception as error:  # a fault of ours or the driver's: the daemon must hear of it, not lose its thread
            log.exception("the Kafka poll thread ended")
            self._fail(InspectdError(f"the Kafka poll thread ended: {type(error).__name__}: {error}"))
        finally:
            self._member.close()

    def _read(self) -> None:
        while not self._stopping:
            try:
                self._member.turn()
            except Misconfigured as error:
                self._fail(error)
                return
            except InspectdError as error:
                log.warning("frames cannot be read, trying again", error=str(error))
                self._wake.wait(_RETRY_S)

    def _deliver(self, deliveries: list[Delivery]) -> None:
        self._call(self._take_in, deliveries)

    def _take_in(self, deliveries: list[Delivery]) -> None:
        self._queue.extend(deliveries)
        self._arrived.set()

    def _fail(self, error: InspectdError) -> None:
        self._failure = error
        self._call(self._arrived.set)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Into the event loop, unless it has ended meanwhile: then nobody waits any more."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
