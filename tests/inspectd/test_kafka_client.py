"""The sender against a real broker, and its options."""

import asyncio
import time

import pytest
from tests.inspectd.frames.streams import drain
from tests.services import Services

from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.kafka_client import KafkaSender, bootstrap_servers, connection_options
from inspectd.settings import KafkaSettings


@pytest.mark.service("kafka")
async def test_records_arrive_in_the_order_of_the_calls_with_their_headers(stack: Services) -> None:
    settings = stack.kafka_settings(partitions=2)
    sender = KafkaSender(settings=settings, max_outstanding=8)
    headers = [("a", b"1"), ("a", b"2"), ("empty", b"")]
    places = await asyncio.gather(
        *(sender.send(settings.events_topic, b"cam", b"%d" % number, headers) for number in range(100))
    )
    assert [offset for _, offset in places] == list(range(100))
    await sender.close()
    found = drain(settings, settings.events_topic)
    assert [record.value for record in found] == [b"%d" % number for number in range(100)]
    assert found[0].headers == headers


@pytest.mark.service("kafka")
async def test_a_record_that_the_broker_refuses_is_told_and_the_next_one_arrives(stack: Services) -> None:
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings)
    with pytest.raises(Rejected, match="too_large"):
        await sender.send(settings.frames_topic, b"cam", b"x" * 8_000_000)
    await sender.send(settings.frames_topic, b"cam", b"small")
    await sender.close()
    assert [record.value for record in drain(settings, settings.frames_topic)] == [b"small"]


@pytest.mark.service("kafka")
async def test_a_topic_that_is_not_there_is_told_with_its_setting(
    stack: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.kafka_client._METADATA_TIMEOUT_MS", 1500)
    sender = KafkaSender(settings=stack.kafka_settings())
    with pytest.raises(Misconfigured, match=r"kafka\.frames_topic.*nobody"):
        await sender.check_topic("kafka.frames_topic", "nobody")
    await sender.close()


@pytest.mark.service("kafka")
async def test_a_caller_that_stops_waiting_keeps_the_bound_whole(stack: Services) -> None:
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings, max_outstanding=2)
    for _ in range(10):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sender.send(settings.events_topic, b"k", b"v"), 0)
    await asyncio.wait_for(sender.send(settings.events_topic, b"k", b"last"), 20)
    await sender.close()
    with pytest.raises(Unavailable, match="closed"):
        await sender.send(settings.events_topic, b"k", b"v")


async def test_a_broker_that_is_away_is_told_to_every_waiting_send_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 0.5)
    sender = KafkaSender(settings=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    start = time.monotonic()
    results = await asyncio.gather(*(sender.send("t", b"k", b"v") for _ in range(20)), return_exceptions=True)
    assert time.monotonic() - start < 8
    assert all(isinstance(result, Unavailable) for result in results)
    assert "kafka.bootstrap_servers" in str(results[0])
    await sender.close()


def test_options_follow_the_settings() -> None:
    options = connection_options(
        KafkaSettings(
            bootstrap_servers="a:1, [::1]:2",
            security_protocol="SASL_SSL",
            sasl_mechanism="PLAIN",
            sasl_username="u",
            sasl_password="p",
            ssl_cafile="ca.pem",
        )
    )
    assert options["bootstrap_servers"] == ["a:1", "[::1]:2"]
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    assert options["ssl_cafile"] == "ca.pem"


def test_sasl_without_a_mechanism_is_told() -> None:
    with pytest.raises(Misconfigured, match=r"kafka\.sasl_mechanism"):
        connection_options(KafkaSettings(security_protocol="SASL_PLAINTEXT"))


@pytest.mark.parametrize("servers", ["", "a", "a:", "a:x", "a:0", "a:70000", ":9092", "a:1,b"])
def test_addresses_that_are_none_are_told(servers: str) -> None:
    with pytest.raises(Misconfigured, match=r"kafka\.bootstrap_servers"):
        bootstrap_servers(KafkaSettings(bootstrap_servers=servers))
