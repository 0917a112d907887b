"""Dead letters in Kafka, beyond what every store promises."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.conformance.samples import record
from tests.inspectd.frames.pictures import bare, jpeg
from tests.inspectd.frames.streams import drain
from tests.services import Services

from inspectd.deadletters.kafka import KafkaDeadLetterStore
from inspectd.errors import Unavailable
from inspectd.kafka_client import KafkaSender
from inspectd.settings import KafkaSettings


@pytest.fixture
def settings(stack: Services) -> KafkaSettings:
    return stack.kafka_settings()


@pytest.fixture
async def sender(settings: KafkaSettings) -> AsyncIterator[KafkaSender]:
    sender = KafkaSender(settings=settings)
    yield sender
    await sender.close()


@pytest.mark.service("kafka")
async def test_the_record_keeps_its_bytes_key_and_headers_and_ours_come_behind(
    settings: KafkaSettings, sender: KafkaSender
) -> None:
    await KafkaDeadLetterStore(settings=settings, sender=sender).put(record(), "truncated", "short")
    (found,) = drain(settings, settings.dead_letters_topic)
    assert (found.key, found.value) == (record().key, record().value)
    assert tuple(found.headers[:3]) == tuple(record().headers)
    ours = {name: value.decode() for name, value in found.headers[3:]}
    assert (ours["dlq-reason"], ours["dlq-detail"]) == ("truncated", "short")
    assert (ours["dlq-topic"], ours["dlq-partition"], ours["dlq-offset"]) == ("inspectd.frames", "3", "41")


@pytest.mark.service("kafka")
async def test_a_record_too_large_even_for_this_topic_is_kept_without_its_value(
    settings: KafkaSettings, sender: KafkaSender
) -> None:
    store = KafkaDeadLetterStore(settings=settings, sender=sender)
    await store.put(bare(jpeg() + b"x" * 8_000_000), "too_large", "8 MB")
    (letter,) = [letter async for letter in store.read()]
    assert letter.record.value is None
    assert letter.reason == "too_large"
    assert f"{len(jpeg()) + 8_000_000} bytes omitted" in letter.detail
    assert letter.record.offset == bare().offset


@pytest.mark.service("kafka")
async def test_letters_of_several_partitions_come_oldest_first(settings: KafkaSettings, sender: KafkaSender) -> None:
    store = KafkaDeadLetterStore(settings=settings, sender=sender)
    for number in range(60):
        await store.put(replace(record(), key=b"cam-%d" % (number % 7), offset=number), "corrupt", "x")
    found = [letter async for letter in store.read()]
    assert [letter.record.offset for letter in found] == list(range(60))


@pytest.mark.service("kafka")
async def test_what_somebody_else_wrote_there_is_passed_over(settings: KafkaSettings, sender: KafkaSender) -> None:
    store = KafkaDeadLetterStore(settings=settings, sender=sender)
    await sender.send(settings.dead_letters_topic, b"k", b"not a letter", [("dlq-reason", b"x")])
    await sender.send(settings.dead_letters_topic, b"k", None)
    await store.put(record(), "corrupt", "x")
    assert [letter.reason async for letter in store.read()] == ["corrupt"]


async def test_a_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 0.5)
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    sender = KafkaSender(settings=settings)
    store = KafkaDeadLetterStore(settings=settings, sender=sender)
    with pytest.raises(Unavailable):
        await store.put(record(), "corrupt", "x")
    with pytest.raises(Unavailable):
        _ = [letter async for letter in store.read()]
    await sender.close()
