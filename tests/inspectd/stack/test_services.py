"""The real servers that other tests stand on."""

import pytest
from tests.services import Services

from inspectd.settings import FrameSettings
from inspectd.stack.topics import create, topics


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


@pytest.mark.service("kafka")
def test_records_outlive_a_kill_of_the_broker(stack: Services) -> None:
    from kafka import KafkaConsumer, KafkaProducer

    settings = stack.kafka_settings(partitions=1)
    producer = KafkaProducer(bootstrap_servers=stack.kafka)
    producer.send(settings.events_topic, b"before").get(timeout=30)
    producer.close(timeout=5)
    address = stack.kafka
    stack.kill("kafka")
    stack.revive("kafka")
    assert stack.kafka == address
    consumer = KafkaConsumer(
        settings.events_topic, bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    )
    try:
        assert next(consumer).value == b"before"
    finally:
        consumer.close()


@pytest.mark.service("kafka")
def test_topics_that_exist_are_left_alone(stack: Services) -> None:
    from kafka.admin import KafkaAdminClient

    settings = stack.kafka_settings()
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    try:
        names = set(admin.list_topics())
    finally:
        admin.close()
    assert {settings.frames_topic, settings.jobs_topic} <= names
    assert create(stack.kafka, topics(settings, FrameSettings().max_frame_bytes)) == ()


@pytest.mark.service("postgres")
def test_postgres_gives_each_test_a_database_of_its_own(stack: Services) -> None:
    from sqlalchemy import create_engine, text

    urls = [stack.postgres_database() for _ in range(2)]
    for url in urls:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE only_here (number int)"))
        engine.dispose()
    assert len(set(urls)) == 2


@pytest.mark.service("postgres")
def test_postgres_keeps_what_was_committed_when_it_is_killed(stack: Services) -> None:
    import psycopg

    url = stack.postgres_database().replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    stack.kill("postgres")
    stack.revive("postgres")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
