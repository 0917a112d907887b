"""The topics of the daemon with their configuration, and how they are created. It starts no broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inspectd.errors import Misconfigured, Unavailable
from inspectd.settings import KafkaSettings

#: Kafka's own record limit: a batch of 1 MiB and its header.
KAFKA_RECORD_LIMIT = 1_048_588
#: Room for the protobuf and the headers around a picture, and for the reason headers around a dead letter.
ENVELOPE_BYTES = 64 * 1024
#: Largest event: its 16 masks are run lengths in pixels of the published picture, which a large picture full of holes
#: brings above Kafka's own limit.
EVENT_RECORD_LIMIT = 16 * 1024 * 1024
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    configuration: dict[str, str] = field(default_factory=dict)


def frame_record_limit(max_frame_bytes: int) -> int:
    """The frames topic's record limit: never below Kafka's own, so that a picture over our limit still arrives.

    It is then dead-lettered with a reason, which its camera's integrator can see, rather than refused by the broker.
    """
    return max(KAFKA_RECORD_LIMIT, max_frame_bytes + ENVELOPE_BYTES)


def topics(kafka: KafkaSettings, max_frame_bytes: int, partitions: int = 4) -> tuple[Topic, ...]:
    """Every topic that the daemon reads or writes."""
    frames = frame_record_limit(max_frame_bytes)
    event = {"max.message.bytes": str(EVENT_RECORD_LIMIT)}
    return (
        Topic(
            kafka.frames_topic,
            partitions,
            {"max.message.bytes": str(frames), "retention.ms": str(DAY_MS), "retention.bytes": str(2 * 1024**3)},
        ),
        Topic(kafka.inspections_topic, partitions, {"retention.ms": str(30 * DAY_MS)}),
        Topic(kafka.events_topic, partitions, event | {"retention.ms": str(30 * DAY_MS)}),
        Topic(kafka.event_state_topic, partitions, event | {"cleanup.policy": "compact"}),
        Topic(
            kafka.dead_letters_topic,
            1,
            # the original bytes and the reason headers must fit, whatever the frames topic let in
            {"max.message.bytes": str(frames + ENVELOPE_BYTES), "retention.ms": str(30 * DAY_MS)},
        ),
        Topic(kafka.jobs_topic, 1, {"retention.ms": str(30 * DAY_MS)}),
    )


def create(
    bootstrap_servers: str,
    wanted: Sequence[Topic],
    replication_factor: int = 1,
    options: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Creates the topics that are missing and returns their names; those that exist keep their configuration.

    `options` are further arguments of the driver's client, such as those of a login. Raises Unavailable when the broker
    does not answer, Misconfigured without kafka-python.
    """
    try:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError, TopicAlreadyExistsError
    except ImportError as error:
        raise Misconfigured("kafka", "kafka-python is not installed", "pip install 'inspectd[stack]'") from error
    try:
        admin = KafkaAdminClient(
            **{"bootstrap_servers": bootstrap_servers, "client_id": "inspectd-stack", **(options or {})}
        )
    except KafkaError as error:
        raise Unavailable(f"the Kafka broker at {bootstrap_servers} does not answer: {error}") from error
    try:
        existing = set(admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in existing]
        if missing:
            admin.create_topics(
                {
                    topic.name: {
                        "num_partitions": topic.partitions,
                        "replication_factor": replication_factor,
                        "configs": topic.configuration,
                    }
                    for topic in missing
                },
                wait_for_metadata=True,
            )
        return tuple(topic.name for topic in missing)
    except TopicAlreadyExistsError:  # another `up` was faster
        return ()
    except KafkaError as error:
        raise Unavailable(f"the topics could not be created at {bootstrap_servers}: {error}") from error
    finally:
        admin.close()
