"""Verdicts to Kafka, keyed by camera: the integrator's PASS or FAIL for each part."""

from inspectd.convert import inspection_to_proto
from inspectd.frames.envelope import write_envelope
from inspectd.kafka_client import KafkaSender
from inspectd.records import Inspection
from inspectd.settings import KafkaSettings

INSPECTION_TYPE = "inspectd.v1.inspection"


class KafkaInspectionSink:
    """`InspectionSink`. A frame's verdict may repeat after a restart; its `ce_id`, the frame id, does not change."""

    def __init__(self, *, settings: KafkaSettings, sender: KafkaSender) -> None:
        self._topic, self._sender = settings.inspections_topic, sender

    async def record(self, inspection: Inspection) -> None:
        """See the port."""
        camera_id, frame_id = inspection.camera_id, inspection.frame_id
        headers = write_envelope(INSPECTION_TYPE, camera_id, frame_id, inspection.inspect_time)
        value = inspection_to_proto(inspection).SerializeToString()
        await self._sender.send(self._topic, camera_id.encode(), value, headers)

    async def close(self) -> None:
        """Nothing is buffered here: `record` returns when the verdict is acknowledged."""
