"""The real servers that other tests stand on."""

import pytest
from tests.services import Services

from inspectd.settings import FrameSettings


@pytest.mark.service("kafka")
def test_kafka_has_the_topics_with_their_limits(stack: Services) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    settings = stack.kafka_settings()
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    try:
        names = (settings.frames_topic, settings.dead_letters_topic, settings.event_state_topic)
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])["topic"]
    finally:
        admin.close()
    frames, dead_letters, event_state = ({key: v["value"] for key, v in answer[name].items()} for name in names)
    assert int(dead_letters["max.message.bytes"]) == int(frames["max.message.bytes"]) + 64 * 1024
    assert int(frames["max.message.bytes"]) >= FrameSettings().max_frame_bytes + 64 * 1024
    assert event_state["cleanup.policy"] == "compact"
