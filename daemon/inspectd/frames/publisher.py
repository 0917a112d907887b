"""Publishes the frames of a direct source to Kafka: bounded, in order, each acknowledged. Knows no terminal."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat

from inspectd.errors import Rejected, Unavailable
from inspectd.frames.codec import read_record
from inspectd.frames.direct import DirectFrameSource
from inspectd.frames.offsets import OffsetBook
from inspectd.frames.source import Delivery
from inspectd.kafka_client import KafkaSender
from inspectd.settings import FrameSettings
from inspectd.v1 import frame_pb2

#: Pauses between two tries while the broker is away, in seconds; the last one repeats.
_PAUSES_S = (0.5, 1.0, 2.0, 5.0)
#: The offset book's only page: the positions of one source.
_PLACE, _GENERATION = ("", 0), 1


@dataclass(slots=True)
class Counts:
    """What became of the frames so far."""

    published: int = 0
    published_bytes: int = 0
    refused: dict[str, int] = field(default_factory=dict)  # by reason; never sent
    unacknowledged: int = 0  # sent, and nobody knows whether they arrived
    skip_next_time: int = 0  # how many from the start are safe without a hole

    @property
    def refused_count(self) -> int:
        """Frames that could never be inspected."""
        return sum(self.refused.values())


class FramePublisher:
    """Sends what a source gives until it ends or `stop` is called.

    Frame ids do not depend on the run (see the source's boot id): publishing a folder again is harmless, because a frame
    that was published twice is inspected as one.
    """

    def __init__(
        self,
        *,
        source: DirectFrameSource,
        sender: KafkaSender,
        topic: str,
        limits: FrameSettings,
        on_progress: Callable[[Counts], None] = lambda counts: None,
        on_trouble: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._source, self._sender, self._topic, self._limits = source, sender, topic, limits
        self._on_progress, self._on_trouble = on_progress, on_trouble
        self._counts = Counts()
        self._book = OffsetBook()
        self._book.assign([_PLACE])
        self._failure: BaseException | None = None
        self._stopping = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Takes no further frame; `run` returns when those on their way are acknowledged."""
        self._stopping.set()

    async def run(self) -> Counts:
        """Raises Misconfigured when the broker refuses us for good."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                receiving = asyncio.ensure_future(self._source.receive())
                await asyncio.wait({receiving, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                    break
                delivery = receiving.result()
                if delivery is None:
                    break
                self._begin(delivery)
            await asyncio.gather(*self._sends, return_exceptions=True)
        finally:
            stopped.cancel()
        if self._failure is not None:
            raise self._failure
        return self._counts

    def _begin(self, delivery: Delivery) -> None:
        self._book.hand_out(_PLACE, delivery.record.offset)
        try:
            self._check(delivery)
        except Rejected as error:
            self._refuse(delivery, error)
            return
        task = asyncio.ensure_future(self._send(delivery))
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._stopping.set()

    def _check(self, delivery: Delivery) -> None:
        """The daemon would dead-letter such a frame: better say so here, where the file's name is known."""
        frame = read_record(delivery.record, self._limits, _NoBlobs())
        if len(frame.data) > self._limits.max_frame_bytes:
            limit = f"frames.max_frame_bytes = {self._limits.max_frame_bytes}"
            raise Rejected("too_large", f"{len(frame.data)} bytes, above {limit}")

    async def _send(self, delivery: Delivery) -> None:
        self._counts.unacknowledged += 1
        try:
            arrived = await self._send_patiently(delivery)
        except Rejected as error:
            self._counts.unacknowledged -= 1
            self._refuse(delivery, error)
            return
        if arrived:
            self._counts.unacknowledged -= 1
            self._counts.published += 1
            self._counts.published_bytes += len(delivery.record.value or b"")
            self._done(delivery)

    async def _send_patiently(self, delivery: Delivery) -> bool:
        """Whether it arrived; False when `stop` was called while the broker was away."""
        record = delivery.record
        for pause in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
            try:
                await self._sender.send(self._topic, record.key, record.value, record.headers)
                return True
            except Unavailable as error:
                self._on_trouble(str(error))
            if self._stopping.is_set():
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        return False

    def _refuse(self, delivery: Delivery, error: Rejected) -> None:
        self._counts.refused[error.reason] = self._counts.refused.get(error.reason, 0) + 1
        self._on_trouble(f"not published: {_name(delivery)}: {error}")
        self._done(delivery)

    def _done(self, delivery: Delivery) -> None:
        self._book.acknowledge(_PLACE, delivery.record.offset, _GENERATION)
        self._counts.skip_next_time = self._book.committable().get(_PLACE, 0)
        self._source.acknowledge(delivery)
        self._on_progress(self._counts)


class _NoBlobs:
    """A direct source carries its pictures itself."""

    def fetch(self, uri: str, size_bytes: int, sha256: str) -> bytes:
        """Never called for an inline picture."""
        raise Rejected("blob_not_allowed", uri)


def _name(delivery: Delivery) -> str:
    message = frame_pb2.Frame.FromString(delivery.record.value or b"")
    return message.attributes.get("file") or dict(delivery.record.headers)["ce_id"].decode()
