"""Dead letters in Kafka: the record as it came, and why it was refused in headers behind its own."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from inspectd.deadletters.store import DeadLetter
from inspectd.errors import Rejected, Unavailable
from inspectd.frames.source import FrameRecord
from inspectd.kafka_client import KafkaSender, open_client
from inspectd.kafka_errors import our_error
from inspectd.settings import KafkaSettings

log = structlog.get_logger(__name__)

#: Our headers, in this order behind the record's own.
HEADERS = (
    "dlq-reason",
    "dlq-detail",
    "dlq-topic",
    "dlq-partition",
    "dlq-offset",
    "dlq-timestamp",
    "dlq-time",
    "dlq-value",
)
#: What became of the record's value: here as it was; there was none; too large for the dead-letter topic.
WHOLE, ABSENT, OMITTED = "whole", "absent", "omitted"
_MAX_DETAIL = 1024
#: Letters held of each partition while they are brought into order.
_BUFFERED = 16
_CALL_TIMEOUT_MS = 10_000


class KafkaDeadLetterStore:
    """`DeadLetterStore` over a topic. A record that even this topic refuses is kept without its value."""

    def __init__(self, *, settings: KafkaSettings, sender: KafkaSender) -> None:
        self._settings, self._sender = settings, sender

    async def put(self, record: FrameRecord, reason: str, detail: str) -> None:
        """See the port."""
        kept = ABSENT if record.value is None else WHOLE
        try:
            await self._send(record, reason, detail, kept)
        except Rejected as error:
            size = len(record.value or b"")
            log.warning("dead letter kept without its value", value_bytes=size, error=str(error))
            await self._send(record, reason, f"[{size} bytes omitted: {error.reason}] {detail}", OMITTED)

    async def _send(self, record: FrameRecord, reason: str, detail: str, kept: str) -> None:
        ours = (
            reason,
            detail[:_MAX_DETAIL],
            record.topic,
            str(record.partition),
            str(record.offset),
            record.timestamp.isoformat(),
            datetime.now(UTC).isoformat(),
            kept,
        )
        headers = [*record.headers, *((name, text.encode()) for name, text in zip(HEADERS, ours, strict=True))]
        # A null value would be a tombstone, and the driver sends none without a key.
        value = record.value if kept == WHOLE else b""
        await self._sender.send(self._settings.dead_letters_topic, record.key, value, headers)

    async def read(self) -> AsyncIterator[DeadLetter]:
        """See the port."""
        reader = await asyncio.to_thread(_Reader, self._settings)
        try:
            while (letter := await asyncio.to_thread(reader.next)) is not None:
                yield letter
        finally:
            await asyncio.to_thread(reader.close)

    async def sweep(self, now: datetime) -> int:
        """See the port. The broker applies the topic's retention."""
        return 0

    async def close(self) -> None:
        """The connection belongs to the sender."""


class _Reader:
    """Everything in the topic at the moment of opening, merged by time over its partitions. Blocks."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._servers = settings.bootstrap_servers
        self._consumer = open_client(KafkaConsumer, settings, enable_auto_commit=False, allow_auto_create_topics=False)
        topic = settings.dead_letters_topic
        try:
            partitions = [TopicPartition(topic, n) for n in sorted(self._consumer.partitions_for_topic(topic))]
            self._consumer.assign(partitions)
            if partitions:
                self._consumer.seek_to_beginning(*partitions)
            self._ends: dict[TopicPartition, int] = self._consumer.end_offsets(partitions, timeout_ms=_CALL_TIMEOUT_MS)
        except KafkaError as error:
            self.close()
            raise our_error(error, self._servers) from error
        self._waiting: dict[TopicPartition, deque[tuple[datetime, DeadLetter]]] = {p: deque() for p in partitions}

    def next(self) -> DeadLetter | None:
        """The oldest one left."""
        try:
            self._fill()
        except KafkaError as error:
            raise our_error(error, self._servers) from error
        heads = [waiting for waiting in self._waiting.values() if waiting]
        return min(heads, key=lambda waiting: waiting[0][0]).popleft()[1] if heads else None

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close(timeout_ms=1000)

    def _fill(self) -> None:
        """Until every partition that is not at its end has a letter to compare."""
        deadline = time.monotonic() + _CALL_TIMEOUT_MS / 1000
        while self._unknown():
            if time.monotonic() > deadline:
                raise Unavailable(f"Kafka at {self._servers} does not deliver the dead letters")
            full = [p for p, waiting in self._waiting.items() if len(waiting) >= _BUFFERED]
            self._consumer.pause(*full)
            self._consumer.resume(*(p for p in self._waiting if p not in full))
            for partition, records in self._consumer.poll(timeout_ms=500, max_records=_BUFFERED).items():
                for record in records:
                    self._take(partition, record)

    def _unknown(self) -> list[TopicPartition]:
        return [
            partition
            for partition, waiting in self._waiting.items()
            if not waiting
            and (self._consumer.position(partition, timeout_ms=_CALL_TIMEOUT_MS) or 0) < self._ends[partition]
        ]

    def _take(self, partition: TopicPartition, record: Any) -> None:
        if record.offset >= self._ends[partition]:
            return
        try:
            letter = read_letter(record)
        except (ValueError, UnicodeDecodeError) as error:
            log.warning("not a dead letter", partition=partition.partition, offset=record.offset, error=str(error))
            return
        self._waiting[partition].append((letter.refuse_time, letter))


def read_letter(record: Any) -> DeadLetter:
    """The letter in a driver's record. Raises ValueError for what is none."""
    headers = [(name, value or b"") for name, value in record.headers]
    own, ours = headers[: -len(HEADERS)], headers[-len(HEADERS) :]
    if tuple(name for name, _ in ours) != HEADERS:
        raise ValueError("the dead-letter headers are missing")
    reason, detail, topic, partition, offset, timestamp, refused, kept = (value.decode() for _, value in ours)
    original = FrameRecord(
        key=record.key,
        value=record.value if kept == WHOLE else None,
        headers=tuple(own),
        timestamp=datetime.fromisoformat(timestamp),
        topic=topic,
        partition=int(partition),
        offset=int(offset),
    )
    return DeadLetter(original, reason, detail, f"{record.partition}:{record.offset}", datetime.fromisoformat(refused))
