"""The worker over a real broker: other clients' frames are accepted, bad ones are dead-lettered, every one has a verdict."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests.inspectd.frames.pictures import record as enveloped
from tests.inspectd.frames.streams import committed, drain, until
from tests.inspectd.frames.test_kafka import _send_with_header
from tests.line import BAD, GOOD, open_line
from tests.services import Services

from inspectd.deadletters.kafka import KafkaDeadLetterStore
from inspectd.frames.blobs import AllowedBlobs
from inspectd.frames.kafka import KafkaFrameSource
from inspectd.frames.reader import RecordReader
from inspectd.inspections.kafka import KafkaInspectionSink
from inspectd.inspections.ledger import InspectionQuery
from inspectd.kafka_client import KafkaSender
from inspectd.records import Outcome
from inspectd.settings import FrameSettings, KafkaSettings
from inspectd.v1 import inspection_pb2
from inspectd.worker import Worker

pytestmark = pytest.mark.service("kafka")
LIMITS = FrameSettings(max_frame_bytes=200_000)


def publish(settings: KafkaSettings) -> None:
    """As a gateway does that knows nothing of us but the README."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "message.max.bytes": 2_000_000})
    cut = enveloped()
    for key, value, headers in (
        ("cam-1", GOOD, []),
        ("cam-1", BAD, [("content-type", b"image/png")]),
        ("cam-1", b"this is no picture", []),
        ("cam-1", None, []),
        (None, GOOD, []),
        ("cam-1", GOOD[:40], []),
        ("cam-1", b"\xff\xd8\xff" + bytes(300_000), []),
        ("press-1", (cut.value or b"")[:50], list(cut.headers)),
        ("press-2", cut.value, list(cut.headers)),
    ):
        producer.produce(settings.frames_topic, key=key, value=value, headers=headers)
    assert producer.flush(20) == 0
    _send_with_header(settings, GOOD, b"\xff")


async def test_every_record_of_a_stranger_ends_in_a_verdict_and_every_bad_one_in_the_dead_letters(
    stack: Services, tmp_path: Path
) -> None:
    settings = stack.kafka_settings()
    publish(settings)
    sender = KafkaSender(settings=settings)
    source = KafkaFrameSource(settings=settings, max_in_flight=4)
    async with open_line(tmp_path) as line:
        worker = Worker(
            source=source,
            reader=RecordReader(limits=LIMITS, blobs=AllowedBlobs(allow_list=(), max_bytes=1)),
            inspector=line.inspector,
            dead_letters=KafkaDeadLetterStore(settings=settings, sender=sender),
            ledger=KafkaInspectionSink(settings=settings, sender=sender),
            metrics=line.metrics,
            max_in_flight=4,
            clock=lambda: datetime.now(UTC),
        )
        await source.open()
        running = asyncio.create_task(worker.run())
        await until(lambda: sum(committed(settings).values()) == 10, 60)
        await source.close()
        await running
        inspected = (await line.ledger.list(InspectionQuery(), 50)).items
    letters = [letter async for letter in KafkaDeadLetterStore(settings=settings, sender=sender).read()]
    await sender.close()
    assert sorted(letter.reason for letter in letters) == [
        "bad_camera_id",
        "bad_envelope",
        "empty",
        "key_mismatch",
        "too_large",
        "truncated",
        "unreadable",
        "unsupported_format",
    ]
    assert {letter.reason: letter.record.value for letter in letters}["unsupported_format"] == b"this is no picture"
    assert {letter.reason: letter.record.key for letter in letters}["key_mismatch"] == b"press-2"
    refused = [
        inspection_pb2.Inspection.FromString(record.value) for record in drain(settings, settings.inspections_topic)
    ]
    assert sorted(verdict.reason for verdict in refused) == sorted(letter.reason for letter in letters)
    assert sorted(verdict.outcome for verdict in inspected) == [Outcome.DEFECT, Outcome.PASS]
    assert len({verdict.frame_id for verdict in (*refused, *inspected)}) == 10
