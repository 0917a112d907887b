"""One member of a consumer group, as its poll thread sees it: reads, pauses, commits. Knows no asyncio.

The driver's consumer is not thread-safe, so that everything here runs in one thread, but for the rebalance callbacks: they
run on the driver's I/O thread, where nothing may block, and only fence what was handed out (`frames.offsets`) and pause.
A member never stops polling, or the group throws it out: at its bound it pauses the partitions instead.

The driver keeps its position in a partition that it gets back after a rebalance, past the records that are fenced by
then. Such a partition is put back to its committed offset before anything else is read from it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import CorruptRecordError, KafkaError, KafkaTimeoutError
from kafka.structs import OffsetAndMetadata, TopicPartition

from inspectd.errors import Misconfigured, Unavailable
from inspectd.frames.codec import EARLIEST, LATEST, UNREADABLE
from inspectd.frames.offsets import OffsetBook
from inspectd.frames.source import Delivery, FrameRecord
from inspectd.kafka_client import BOOTSTRAP_TIMEOUT_S, open_client
from inspectd.kafka_errors import our_error
from inspectd.settings import KafkaSettings

log = structlog.get_logger(__name__)

#: How long one poll waits for records; also the longest that an acknowledgement waits for its commit.
_POLL_MS = 100
#: The same while the group is being joined. The driver forgets a join that ends between two polls and begins another one,
#: which throws the whole group into a new round: while it joins, it is polled without a pause.
_JOIN_POLL_MS = 1000
#: Least time between two commits.
_COMMIT_EVERY_S = 0.1
#: How often the broker is asked for the ends of the partitions: for the lag, and to see that it is there.
_PROBE_EVERY_S, _PROBE_AGAIN_S = 5.0, 1.0
_CALL_TIMEOUT_MS = 2000
#: At the end: whoever waits for us may not wait long.
_LAST_CALL_TIMEOUT_MS, _CLOSE_TIMEOUT_MS = 1000, 2000
#: The record times that are taken as they are, in milliseconds since 1970.
_EARLIEST_MS, _LATEST_MS = EARLIEST.timestamp() * 1000, LATEST.timestamp() * 1000
#: Fetched ahead of what is handed out, at most.
_FETCH_BYTES = 8 * 1024 * 1024


class GroupMember:
    """Every method but the properties belongs to the poll thread."""

    def __init__(
        self,
        *,
        settings: KafkaSettings,
        max_in_flight: int,
        book: OffsetBook,
        wake: threading.Event,
        deliver: Callable[[list[Delivery]], None],
    ) -> None:
        self._settings, self._max_in_flight, self._book = settings, max_in_flight, book
        self._wake, self._deliver = wake, deliver
        self._consumer: Any = None
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._read: set[TopicPartition] = set()  # partitions of which something was handed out at any time
        self._misplaced: set[TopicPartition] = set()
        self._reachable, self._joining = False, True
        self._next_commit = self._next_probe = 0.0
        self._lag = 0

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and the broker answers."""
        return self._reachable and bool(self._assigned)

    @property
    def lag(self) -> int:
        """Records behind the ends of the assigned partitions, as of the last probe."""
        return self._lag

    def connect(self) -> None:
        """Joins the group. Raises Unavailable or Misconfigured."""
        settings = self._settings
        session_ms = int(settings.session_timeout_s * 1000)
        self._consumer = open_client(
            KafkaConsumer,
            settings,
            group_id=settings.group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=int(settings.max_poll_interval_s * 1000),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(1000, session_ms // 3),
            fetch_max_bytes=_FETCH_BYTES,
            allow_auto_create_topics=False,
        )
        try:
            listener = _Listener(self._take_away, self._take_over)
            self._consumer.subscribe(topics=[settings.frames_topic], listener=listener)
            self._check_topic()  # after subscribing: metadata that comes later would make the group join twice
        except KafkaError as error:
            raise our_error(error, settings.bootstrap_servers) from error
        self._reachable = True

    def turn(self) -> None:
        """One round: read what there is room for, commit what is finished. Raises our errors."""
        room = self._room()
        try:
            if self._joining:
                self._hand_over(self._consumer.poll(timeout_ms=_JOIN_POLL_MS, max_records=max(1, room)))
                return
            if room > 0:
                self._resume()
                batches = self._consumer.poll(timeout_ms=_POLL_MS, max_records=room)
            else:
                self._consumer.pause(*self._assigned)
                batches = self._consumer.poll(timeout_ms=0)
            self._hand_over(batches)
            if self._joining:
                return
            self._put_back()
            self.commit()
            self._probe()
        except CorruptRecordError as error:
            self._pass_over(error)
        except KafkaError as error:
            self._reachable = False
            raise our_error(error, self._settings.bootstrap_servers) from error
        if room <= 0:
            self._wake.wait(_POLL_MS / 1000)
            self._wake.clear()

    def commit(self, *, now: bool = False) -> None:
        """Commits the contiguous prefixes. A refusal is normal while the group rebalances: others will read it again."""
        if not now and time.monotonic() < self._next_commit:
            return
        offsets = self._book.committable()
        if not offsets:
            return
        self._next_commit = time.monotonic() + _COMMIT_EVERY_S
        request = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        try:
            self._consumer.commit(request, timeout_ms=_LAST_CALL_TIMEOUT_MS if now else _CALL_TIMEOUT_MS)
        except KafkaError as error:
            log.info("not committed, to be repeated", error=str(error))
            if isinstance(error, KafkaTimeoutError):
                self._reachable, self._next_probe = False, time.monotonic() + _PROBE_AGAIN_S
            return
        self._reachable = True
        self._book.committed(offsets)

    def close(self) -> None:
        """Commits and leaves the group; bounded in time when the broker is away."""
        if self._consumer is None:
            return
        try:
            self.commit(now=True)
            self._consumer.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)
        except Exception as error:  # of the driver's end, whatever it is: the group finds out by the session's timeout
            log.warning("the consumer group was not left well", error=str(error))
        self._assigned = frozenset()

    def _check_topic(self) -> None:
        topic, deadline = self._settings.frames_topic, time.monotonic() + BOOTSTRAP_TIMEOUT_S
        while not self._consumer.partitions_for_topic(topic):
            if time.monotonic() > deadline:
                raise Misconfigured(
                    "kafka.frames_topic", f"the broker has no topic {topic!r}", "Create it, or name another"
                )
            time.sleep(0.5)

    def _room(self) -> int:
        return self._max_in_flight - self._book.outstanding

    def _resume(self) -> None:
        paused = self._consumer.paused() & (self._assigned - self._misplaced)
        if paused:
            self._consumer.resume(*paused)

    def _hand_over(self, batches: dict[TopicPartition, list[Any]]) -> None:
        deliveries = []
        for partition, records in batches.items():
            self._read.add(partition)
            for record in records:
                generation = self._book.hand_out((partition.topic, partition.partition), record.offset)
                if generation is not None:
                    deliveries.append(Delivery(frame_record(record), generation))
        if deliveries:
            self._reachable = True
            self._deliver(deliveries)

    def _pass_over(self, error: CorruptRecordError) -> None:
        """Delivers what the driver cannot read as a record without a value, to be refused like any bad frame.

        The driver does not say which partition it means, and its next poll would never return unless the position changes.
        """
        positions = {p: self._consumer.position(p, timeout_ms=_CALL_TIMEOUT_MS) for p in self._assigned}
        culprit = find_unreadable(self._settings, positions)
        if culprit is None:
            raise Unavailable(f"records of {self._settings.frames_topic} arrived damaged: {error}") from error
        offset = positions[culprit]
        self._consumer.seek(culprit, offset + 1)
        generation = self._book.hand_out((culprit.topic, culprit.partition), offset)
        if generation is not None:
            log.warning("a record cannot be read", partition=culprit.partition, offset=offset, error=str(error))
            self._read.add(culprit)
            self._deliver([Delivery(unreadable_record(culprit, offset, str(error)), generation)])

    def _put_back(self) -> None:
        for partition in self._misplaced & self._assigned:
            offset = self._consumer.committed(partition, timeout_ms=_CALL_TIMEOUT_MS)
            if offset is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)
            self._misplaced.discard(partition)

    def _probe(self) -> None:
        if not self._assigned or time.monotonic() < self._next_probe:
            return
        partitions = sorted(self._assigned)
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=_CALL_TIMEOUT_MS)
            here = {p: self._consumer.position(p, timeout_ms=_CALL_TIMEOUT_MS) for p in partitions}
        except KafkaError as error:
            log.warning("Kafka does not answer", servers=self._settings.bootstrap_servers, error=str(error))
            self._reachable, self._next_probe = False, time.monotonic() + _PROBE_AGAIN_S
            return
        self._lag = sum(ends[p] - (here[p] or 0) for p in partitions)
        self._reachable, self._next_probe = True, time.monotonic() + _PROBE_EVERY_S

    def _take_away(self, partitions: Iterable[TopicPartition]) -> None:
        """On the driver's I/O thread: must not block, must not commit."""
        gone = set(partitions)
        self._joining = True
        self._book.revoke((p.topic, p.partition) for p in gone)
        self._assigned -= gone

    def _take_over(self, partitions: Iterable[TopicPartition]) -> None:
        """On the driver's I/O thread: must not block. A rejoin loses the pause flags, so they are set anew."""
        fresh = set(partitions)
        self._book.assign((p.topic, p.partition) for p in fresh)
        misplaced = fresh & self._read
        self._consumer.pause(*(misplaced if self._room() > 0 else fresh))
        self._misplaced |= misplaced
        self._assigned |= fresh
        self._joining = False


class _Listener(ConsumerRebalanceListener):
    def __init__(
        self,
        revoked: Callable[[Iterable[TopicPartition]], None],
        assigned: Callable[[Iterable[TopicPartition]], None],
    ) -> None:
        self._revoked, self._assigned = revoked, assigned

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._revoked(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned(assigned)


def frame_record(record: Any) -> FrameRecord:
    """The driver's record as ours; a null header value, which the port does not know, becomes empty.

    A record without a time, or with one that cannot be a frame's (some producers send micro- or nanoseconds), came now.
    """
    milliseconds = record.timestamp
    if milliseconds is None or not _EARLIEST_MS <= milliseconds < _LATEST_MS:
        milliseconds = time.time() * 1000
    return FrameRecord(
        key=record.key,
        value=record.value,
        headers=[(name, value or b"") for name, value in record.headers],
        timestamp=datetime.fromtimestamp(milliseconds / 1000, UTC),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def unreadable_record(partition: TopicPartition, offset: int, detail: str) -> FrameRecord:
    """Stands for a record that the driver refused; `frames.codec` knows the header."""
    headers = [(UNREADABLE, detail.encode())]
    return FrameRecord(None, None, headers, datetime.now(UTC), partition.topic, partition.partition, offset)


def find_unreadable(settings: KafkaSettings, positions: Mapping[TopicPartition, int | None]) -> TopicPartition | None:
    """The partition whose record at its position breaks the driver, tried one by one without the group."""
    for partition, offset in positions.items():
        if offset is None:
            continue
        consumer = open_client(KafkaConsumer, settings, enable_auto_commit=False)
        try:
            consumer.assign([partition])
            consumer.seek(partition, offset)
            consumer.poll(timeout_ms=_CALL_TIMEOUT_MS, max_records=1)
        except CorruptRecordError:
            return partition
        finally:
            consumer.close(timeout_ms=1000)
    return None
