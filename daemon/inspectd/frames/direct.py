"""Frames without Kafka: folders, videos and cameras read by threads of this process, as records like Kafka's.

A file waits for its reader and nothing of it is dropped. A camera cannot wait: when its frames are not taken in time, the
oldest one that waits is dropped, counted, and told to `on_drop`.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from inspectd.errors import InspectdError
from inspectd.frames.codec import DIRECT_TOPIC, write_record
from inspectd.frames.feeds import Feed, open_feeds
from inspectd.frames.identity import check_camera_id
from inspectd.frames.labels import Labels
from inspectd.frames.shot import Pace, Shot
from inspectd.frames.source import Delivery, FrameRecord
from inspectd.records import Frame
from inspectd.settings import FrameSettings

log = structlog.get_logger(__name__)

#: Why a camera's frame was dropped: the frames before it were not taken in time.
BEHIND = "behind"


def open_direct_source(
    settings: FrameSettings, on_drop: Callable[[FrameRecord, str], None] = lambda record, reason: None
) -> "DirectFrameSource":
    """The source that `frames.source` names. Raises Misconfigured."""
    feeds = open_feeds(settings, Labels())
    return DirectFrameSource(feeds=feeds, limit=settings.limit, max_in_flight=settings.max_in_flight, on_drop=on_drop)


class DirectFrameSource:
    """`FrameSource` over feeds, a partition each. After a restart a file begins anew, with the same frame ids.

    `skip` lets the first shots of each feed go by, `limit` ends after so many of all feeds.
    """

    def __init__(
        self,
        *,
        feeds: Sequence[Feed],
        limit: int = 0,
        skip: int = 0,
        max_in_flight: int = 16,
        on_drop: Callable[[FrameRecord, str], None] = lambda record, reason: None,
    ) -> None:
        for feed in feeds:
            check_camera_id(feed.camera_id)
        self._feeds, self._limit, self._skip = list(feeds), limit, skip
        self._bound, self._on_drop = max(1, max_in_flight), on_drop
        self._change = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._outstanding: set[tuple[int, int]] = set()
        self._taken, self._reading = 0, len(self._feeds)
        self._failure: InspectdError | None = None
        self._stopping = threading.Event()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        #: Dropped frames by reason.
        self.dropped: dict[str, int] = {}

    async def open(self) -> None:
        """See the port."""
        self._loop = asyncio.get_running_loop()
        for number, feed in enumerate(self._feeds):
            thread = threading.Thread(
                target=self._read, args=(number, feed), name=f"feed-{feed.camera_id}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    async def receive(self) -> Delivery | None:
        """See the port. None when every feed has ended."""
        while True:
            with self._change:
                if self._queue:
                    self._change.notify_all()
                    return self._queue.popleft()
                if self._failure is not None:
                    raise self._failure
                if self._reading == 0 or self._stopping.is_set():
                    return None
                self._arrived.clear()
            await self._arrived.wait()

    def acknowledge(self, delivery: Delivery) -> None:
        """See the port."""
        with self._change:
            self._outstanding.discard((delivery.record.partition, delivery.record.offset))
            self._change.notify_all()

    @property
    def ready(self) -> bool:
        """Whether a feed is connected; a file that has ended is no fault."""
        running = bool(self._threads) and not self._stopping.is_set() and self._failure is None
        return running and (self._reading == 0 or any(feed.shots.connected for feed in self._feeds))

    async def close(self) -> None:
        """See the port. A camera that is being opened is left to its own timeout."""
        self._stopping.set()
        for feed in self._feeds:
            feed.shots.close()
        with self._change:
            self._change.notify_all()
        self._arrived.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 2.0)

    def _read(self, number: int, feed: Feed) -> None:
        """A feed's thread."""
        pace, offset = Pace(0.0 if feed.shots.live else feed.rate), self._skip
        try:
            for _ in range(self._skip):
                feed.shots.take()
            while not self._stopping.is_set() and self._may_take():
                pace.wait(self._stopping)
                shot = feed.shots.take()
                if shot is None:
                    break
                self._put(_record(number, offset, feed, shot), live=feed.shots.live)
                offset += 1
        except InspectdError as error:
            self._failure = error
        except Exception as error:  # a fault of ours or a driver's: the daemon must hear of it, not lose its thread
            log.exception("a camera's feed broke", camera_id=feed.camera_id)
            self._failure = InspectdError(f"camera {feed.camera_id}: {type(error).__name__}: {error}")
        finally:
            with self._change:
                self._reading -= 1
            self._wake()

    def _may_take(self) -> bool:
        with self._change:
            if self._limit and self._taken >= self._limit:
                return False
            self._taken += 1
            return True

    def _put(self, record: FrameRecord, *, live: bool) -> None:
        dropped = None
        with self._change:
            if live:
                dropped = self._make_room(record.partition)
            else:
                self._change.wait_for(lambda: len(self._outstanding) < self._bound or self._stopping.is_set())
            if self._stopping.is_set():
                return
            self._outstanding.add((record.partition, record.offset))
            self._queue.append(Delivery(record))
        self._wake()
        if dropped is not None:
            self._call(lambda: self._on_drop(dropped, BEHIND))

    def _make_room(self, partition: int) -> FrameRecord | None:
        """A camera's share of the queue is its own: a fast one does not push out the frames of a slow one."""
        waiting = [delivery for delivery in self._queue if delivery.record.partition == partition]
        if len(waiting) < max(1, self._bound // len(self._feeds)):
            return None
        oldest = waiting[0]
        self._queue.remove(oldest)
        self._outstanding.discard((partition, oldest.record.offset))
        self.dropped[BEHIND] = self.dropped.get(BEHIND, 0) + 1
        return oldest.record

    def _wake(self) -> None:
        self._call(self._arrived.set)

    def _call(self, function: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
                self._loop.call_soon_threadsafe(function)


def _record(partition: int, offset: int, feed: Feed, shot: Shot) -> FrameRecord:
    label = feed.labels.of(shot)
    frame = Frame(
        frame_id=f"{feed.camera_id}/{feed.shots.boot}/{shot.number}",
        camera_id=feed.camera_id,
        data=shot.data,
        media_type=shot.media_type,
        sha256="",  # the reader computes it
        capture_time=shot.capture_time,
        part_id=label.part_id,
        lot=label.lot,
        recipe=label.recipe,
        view=label.view,
        attributes=label.attributes,
    )
    key, value, headers = write_record(frame)
    return FrameRecord(key, value, headers, shot.capture_time, DIRECT_TOPIC, partition, offset)
