"""Changes reach both topics in order, as anybody with the protos can read them."""

from dataclasses import replace

import pytest
from tests.conformance.samples import event, inspection, job
from tests.inspectd.frames.streams import drain
from tests.services import Services

from inspectd.augmentation.kafka import KafkaJobAnnouncer
from inspectd.convert import event_from_proto, inspection_from_proto, job_from_proto
from inspectd.errors import Unavailable
from inspectd.events.kafka import KafkaEventPublisher
from inspectd.inspections.kafka import KafkaInspectionSink
from inspectd.kafka_client import KafkaSender
from inspectd.records import Change, Outcome
from inspectd.settings import KafkaSettings
from inspectd.v1 import augmentation_service_pb2, defect_event_pb2, inspection_pb2


@pytest.mark.service("kafka")
async def test_every_revision_is_appended_by_camera_and_the_state_is_kept_by_event(stack: Services) -> None:
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings)
    publisher = KafkaEventPublisher(settings=settings, sender=sender)
    changes = [Change(number, event(0, revision=number)) for number in range(1, 6)]
    await publisher.publish(changes)
    await publisher.publish([])
    await sender.close()
    appended = drain(settings, settings.events_topic)
    assert [event_from_proto(defect_event_pb2.DefectEvent.FromString(record.value)) for record in appended] == [
        change.event for change in changes
    ]
    assert {record.key for record in appended} == {b"press-1"}
    assert [dict(record.headers)["ce_id"].decode() for record in appended] == [change.event.etag for change in changes]
    assert dict(appended[0].headers)["ce_type"] == b"inspectd.v1.defect_event"
    kept = drain(settings, settings.event_state_topic)
    assert {record.key.decode() for record in kept} == {changes[0].event.event_id}
    assert defect_event_pb2.DefectEvent.FromString(kept[-1].value).revision == 5


@pytest.mark.service("kafka")
async def test_an_event_above_kafka_s_own_limit_is_announced(stack: Services) -> None:
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings)
    large = replace(event(0), attributes={"masks": "x" * 3_000_000})
    await KafkaEventPublisher(settings=settings, sender=sender).publish([Change(1, large)])
    await sender.close()
    for topic in (settings.events_topic, settings.event_state_topic):
        (record,) = drain(settings, topic)
        assert event_from_proto(defect_event_pb2.DefectEvent.FromString(record.value)) == large


@pytest.mark.service("kafka")
async def test_verdicts_and_jobs_are_published(stack: Services) -> None:
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings)
    sink = KafkaInspectionSink(settings=settings, sender=sender)
    given = [inspection(0), inspection(1, Outcome.DEFECT), inspection(2, Outcome.REJECTED)]
    for verdict in given:
        await sink.record(verdict)
    await sink.close()
    await KafkaJobAnnouncer(settings=settings, sender=sender).announce(job())
    await sender.close()
    records = drain(settings, settings.inspections_topic)
    assert [inspection_from_proto(inspection_pb2.Inspection.FromString(record.value)) for record in records] == given
    assert [dict(record.headers)["ce_id"].decode() for record in records] == [verdict.frame_id for verdict in given]
    (announced,) = drain(settings, settings.jobs_topic)
    assert job_from_proto(augmentation_service_pb2.AugmentationJob.FromString(announced.value)) == job()
    assert announced.key == b"job-0"


async def test_a_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 0.5)
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    sender = KafkaSender(settings=settings)
    with pytest.raises(Unavailable):
        await KafkaEventPublisher(settings=settings, sender=sender).publish([Change(1, event())])
    with pytest.raises(Unavailable):
        await KafkaInspectionSink(settings=settings, sender=sender).record(inspection())
    await sender.close()
