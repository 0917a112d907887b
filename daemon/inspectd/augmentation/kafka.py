"""Augmentation jobs announced to Kafka, keyed by job: training pipelines wait for SUCCEEDED and read the dataset."""

from inspectd.convert import job_to_proto
from inspectd.frames.envelope import write_envelope
from inspectd.kafka_client import KafkaSender
from inspectd.records import AugmentationJob
from inspectd.settings import KafkaSettings

JOB_TYPE = "inspectd.v1.augmentation_job"


class KafkaJobAnnouncer:
    """Publishes a job's state; the same state may be published twice."""

    def __init__(self, *, settings: KafkaSettings, sender: KafkaSender) -> None:
        self._topic, self._sender = settings.jobs_topic, sender

    async def announce(self, job: AugmentationJob) -> None:
        """Returns when it is acknowledged. Raises Unavailable."""
        number = f"{job.job_id}/{job.state.value}/{job.accepted_count + job.refused_count}"
        headers = write_envelope(JOB_TYPE, job.camera_id, number, job.update_time)
        await self._sender.send(self._topic, job.job_id.encode(), job_to_proto(job).SerializeToString(), headers)
