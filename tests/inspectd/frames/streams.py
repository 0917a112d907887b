"""What the Kafka tests share: records into a topic, deliveries out of a source, and waiting for a condition."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from inspectd.frames.kafka import KafkaFrameSource
from inspectd.frames.source import Delivery
from inspectd.kafka_client import KafkaSender
from inspectd.settings import KafkaSettings


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


async def fill(settings: KafkaSettings, values: Iterable[bytes], *, key: bytes = b"press-1") -> None:
    """Sends values in order, all to one partition."""
    sender = KafkaSender(settings=settings)
    await asyncio.gather(*(sender.send(settings.frames_topic, key, value) for value in values))
    await sender.close()


async def take(source: KafkaFrameSource, count: int, timeout_s: float = 20.0) -> list[Delivery]:
    found = []
    async with asyncio.timeout(timeout_s):
        while len(found) < count:
            delivery = await source.receive()
            assert delivery is not None
            found.append(delivery)
    return found


async def nothing_comes(source: KafkaFrameSource, wait_s: float = 0.7) -> bool:
    try:
        await asyncio.wait_for(source.receive(), wait_s)
    except TimeoutError:
        return True
    return False


def committed(settings: KafkaSettings) -> dict[int, int]:
    """Committed offsets by partition, as the broker has them."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, group_id=settings.group_id, enable_auto_commit=False
    )
    try:
        topic = settings.frames_topic
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        found = {place.partition: consumer.committed(place, timeout_ms=5000) for place in places}
        return {partition: offset for partition, offset in found.items() if offset is not None}
    finally:
        consumer.close(timeout_ms=1000)


def values(deliveries: Iterable[Delivery]) -> list[bytes]:
    return [delivery.record.value or b"" for delivery in deliveries]


def drain(settings: KafkaSettings, topic: str) -> list[Any]:
    """Every record of a topic, by partition and offset."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends, found = consumer.end_offsets(places), list[Any]()
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close(timeout_ms=1000)
