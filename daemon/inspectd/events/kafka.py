"""Changes of events to Kafka: every revision to one topic, the newest state of each event to a compacted one."""

import asyncio
from collections.abc import Sequence

from inspectd.convert import event_to_proto
from inspectd.frames.envelope import write_envelope
from inspectd.kafka_client import KafkaSender
from inspectd.records import Change
from inspectd.settings import KafkaSettings

EVENT_TYPE = "inspectd.v1.defect_event"


class KafkaEventPublisher:
    """`EventPublisher`. `ce_id` is `event_id/revision`: a reader drops what it has seen, and keeps the highest revision."""

    def __init__(self, *, settings: KafkaSettings, sender: KafkaSender) -> None:
        self._settings, self._sender = settings, sender

    async def publish(self, changes: Sequence[Change]) -> None:
        """See the port. A camera's changes share a partition, and the sender keeps the order of the calls."""
        sends = []
        for change in changes:
            event = change.event
            value = event_to_proto(event).SerializeToString()
            headers = write_envelope(EVENT_TYPE, event.camera_id, event.etag, event.update_time)
            for topic, key in (
                (self._settings.events_topic, event.camera_id),
                (self._settings.event_state_topic, event.event_id),
            ):
                sends.append(asyncio.ensure_future(self._sender.send(topic, key.encode(), value, headers)))
        results = await asyncio.gather(*sends, return_exceptions=True)
        for result in results:  # after all have ended, so that a repetition does not overtake what is on its way
            if isinstance(result, BaseException):
                raise result

    async def close(self) -> None:
        """The connection belongs to the sender."""
