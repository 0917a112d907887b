"""The Kafka frame source against a real broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.inspectd.frames.streams import committed, fill, nothing_comes, take, until, values
from tests.services import Services

from inspectd.errors import Misconfigured, Unreachable
from inspectd.frames.kafka import KafkaFrameSource
from inspectd.settings import KafkaSettings

pytestmark = pytest.mark.service("kafka")


@pytest.fixture
def settings(stack: Services) -> KafkaSettings:
    return stack.kafka_settings(partitions=2).model_copy(update={"session_timeout_s": 6.0})


@asynccontextmanager
async def opened(settings: KafkaSettings, max_in_flight: int = 8) -> AsyncIterator[KafkaFrameSource]:
    source = KafkaFrameSource(settings=settings, max_in_flight=max_in_flight)
    await source.open()
    try:
        yield source
    finally:
        await source.close()


async def test_records_come_in_order_and_a_restart_begins_behind_the_acknowledged_ones(settings: KafkaSettings) -> None:
    await fill(settings, [b"%d" % number for number in range(10)])
    async with opened(settings) as source:
        first = await take(source, 4)
        assert values(first) == [b"0", b"1", b"2", b"3"]
        assert source.ready
        for delivery in first:
            source.acknowledge(delivery)
    async with opened(settings) as source:
        assert values(await take(source, 6)) == [b"4", b"5", b"6", b"7", b"8", b"9"]


async def test_only_the_contiguous_prefix_is_committed(settings: KafkaSettings) -> None:
    await fill(settings, [b"%d" % number for number in range(6)])
    async with opened(settings) as source:
        deliveries = await take(source, 6)
        for number in (5, 1, 2, 4):
            source.acknowledge(deliveries[number])
        await asyncio.sleep(0.4)
        assert committed(settings) == {}
        source.acknowledge(deliveries[0])
        source.acknowledge(deliveries[0])
        partition = deliveries[0].record.partition
        await until(lambda: committed(settings) == {partition: 3})
    async with opened(settings) as source:
        assert values(await take(source, 3)) == [b"3", b"4", b"5"]


async def test_no_more_than_the_bound_is_handed_out_and_the_member_stays_in_its_group(stack: Services) -> None:
    settings = stack.kafka_settings(partitions=2).model_copy(
        update={"session_timeout_s": 6.0, "max_poll_interval_s": 6.0}
    )
    await fill(settings, [b"%d" % number for number in range(30)])
    async with opened(settings, max_in_flight=5) as source:
        held = await take(source, 5)
        assert await nothing_comes(source, 8.0)  # longer than the poll interval: a member that does not poll is out
        assert source.ready
        source.acknowledge(held[0])
        assert values(await take(source, 1)) == [b"5"]
        for delivery in held[1:]:
            source.acknowledge(delivery)
        assert values(await take(source, 4)) == [b"6", b"7", b"8", b"9"]


async def test_a_freed_place_is_used_at_once(settings: KafkaSettings) -> None:
    await fill(settings, [b"x"] * 101)
    async with opened(settings, max_in_flight=1) as source:
        (delivery,) = await take(source, 1)
        start = time.monotonic()
        for _ in range(100):
            source.acknowledge(delivery)
            (delivery,) = await take(source, 1)
        assert time.monotonic() - start < 8.0  # not a poll of 100 ms for each


async def test_two_members_share_the_partitions_and_nothing_is_lost_when_they_come_and_go(stack: Services) -> None:
    settings = stack.kafka_settings(partitions=4).model_copy(update={"session_timeout_s": 6.0})
    count, seen = 400, Counter[bytes]()
    stop = asyncio.Event()

    async def consume(source: KafkaFrameSource) -> None:
        while (delivery := await source.receive()) is not None:
            await asyncio.sleep(0.002)
            seen[delivery.record.value or b""] += 1
            source.acknowledge(delivery)

    async def produce() -> None:
        for start in range(0, count, 40):
            for key in range(4):
                await fill(settings, [b"%d" % (start + 4 * n + key) for n in range(10)], key=b"cam-%d" % key)
            await asyncio.sleep(0.3)
        stop.set()

    first = KafkaFrameSource(settings=settings, max_in_flight=6)
    await first.open()
    tasks = [asyncio.create_task(consume(first)), asyncio.create_task(produce())]
    for _ in range(3):
        await asyncio.sleep(0.5)
        second = KafkaFrameSource(settings=settings, max_in_flight=6)
        await second.open()
        tasks.append(asyncio.create_task(consume(second)))
        await until(lambda source=second: source.ready)  # type: ignore[misc]
        await asyncio.sleep(0.5)
        await second.close()
    await stop.wait()
    await until(lambda: len(seen) == count)
    await until(lambda: sum(committed(settings).values()) == count)
    await first.close()
    for task in tasks:
        await task
    # at least once: only what was in flight or not yet committed at one of the six rebalances may come again
    assert sum(seen.values()) - count <= 6 * 2 * 6 + 60


async def test_what_was_in_flight_at_a_rebalance_comes_again_even_on_the_partition_that_is_kept(
    settings: KafkaSettings,
) -> None:
    """The driver keeps its position on a partition that it gets back: without a seek the fenced records were lost."""
    for key in (b"a", b"b", b"c", b"d"):
        await fill(settings, [b"%s%d" % (key, number) for number in range(3)], key=key)
    async with opened(settings, max_in_flight=12) as first:
        before = await take(first, 12)
        async with opened(settings, max_in_flight=12) as second:
            await until(lambda: second.ready and first.ready)
            for delivery in before:
                first.acknowledge(delivery)  # too late: another generation
            assert committed(settings) == {}
            again = await asyncio.gather(_all(first), _all(second))
    assert sorted(again[0] + again[1]) == sorted(values(before))
    assert committed(settings) == {}


async def _all(source: KafkaFrameSource) -> list[bytes]:
    found = []
    while True:
        try:
            delivery = await asyncio.wait_for(source.receive(), 2.0)
        except TimeoutError:
            return found
        assert delivery is not None
        found.append(delivery.record.value or b"")


VICTIM = """
import asyncio, json, sys
from inspectd.frames.kafka import KafkaFrameSource
from inspectd.settings import KafkaSettings
async def main():
    source = KafkaFrameSource(settings=KafkaSettings(**json.loads(sys.argv[1])), max_in_flight=16)
    await source.open()
    deliveries = [await source.receive() for _ in range(10)]
    for number in (0, 1, 2, 3, 7):
        source.acknowledge(deliveries[number])
    await asyncio.sleep(1.0)
    print("acknowledged", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_after_a_kill_exactly_the_uncommitted_records_come_again(settings: KafkaSettings) -> None:
    await fill(settings, [b"%d" % number for number in range(10)])
    plain = settings.model_dump(mode="json", exclude={"sasl_password"})
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, json.dumps(plain), stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert victim.stdout is not None
    assert await asyncio.wait_for(victim.stdout.readline(), 30) == b"acknowledged\n"
    os.kill(victim.pid, signal.SIGKILL)
    await victim.wait()
    async with opened(settings) as source:
        assert values(await take(source, 6, timeout_s=40)) == [b"4", b"5", b"6", b"7", b"8", b"9"]
        assert await nothing_comes(source)


async def test_a_header_that_the_driver_cannot_read_stops_nothing(settings: KafkaSettings) -> None:
    """Header names are text to the driver; a record with another name must not hold the partition for ever."""
    await fill(settings, [b"before"])
    _send_with_header(settings, b"bad", b"\xff\xfe")
    await fill(settings, [b"after"])
    async with opened(settings) as source:
        found = await take(source, 3)
        assert [value for value in values(found) if value] == [b"before", b"after"]
        for delivery in found:
            source.acknowledge(delivery)
        await until(lambda: sum(committed(settings).values()) == 3)


def _send_with_header(settings: KafkaSettings, value: bytes, name: bytes) -> None:
    """A record whose header has a name that is not UTF-8, as a client in C may write it."""
    from kafka import KafkaProducer

    class Name(str):
        def encode(self, *ignored: object) -> bytes:  # type: ignore[override]
            return name

    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    producer.send(settings.frames_topic, key=b"press-1", value=value, headers=[(Name("x"), b"y")]).get(10)
    producer.close()


async def test_a_broker_that_goes_away_makes_it_unready_and_it_goes_on_when_the_broker_is_back(
    stack: Services, settings: KafkaSettings
) -> None:
    await fill(settings, [b"1"])
    async with opened(settings) as source:
        (delivery,) = await take(source, 1)
        stack.kill("kafka")
        await until(lambda: not source.ready, 30)
        source.acknowledge(delivery)
        stack.revive("kafka")
        await until(lambda: source.ready, 60)
        await fill(settings, [b"2"])
        found = values(await take(source, 1, timeout_s=30))
        while found[-1] != b"2":  # the first one may come again: its acknowledgement may have been fenced
            found += values(await take(source, 1))
        assert set(found) <= {b"1", b"2"}


async def test_closing_is_quick_while_the_broker_is_away(stack: Services, settings: KafkaSettings) -> None:
    await fill(settings, [b"1"])
    source = KafkaFrameSource(settings=settings, max_in_flight=2)
    await source.open()
    source.acknowledge((await take(source, 1))[0])
    stack.pause("kafka")
    try:
        start = time.monotonic()
        await source.close()
        assert time.monotonic() - start < 8.0
    finally:
        stack.resume("kafka")
    assert await source.receive() is None


async def test_receive_ends_when_the_source_is_closed(settings: KafkaSettings) -> None:
    source = KafkaFrameSource(settings=settings, max_in_flight=2)
    await source.open()
    waiting = asyncio.create_task(source.receive())
    await asyncio.sleep(0.2)
    start = time.monotonic()
    await source.close()
    assert await waiting is None
    assert time.monotonic() - start < 2.0
    assert not source.ready


async def test_a_topic_that_is_not_there_is_named(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.frames.kafka_group.BOOTSTRAP_TIMEOUT_S", 1.0)
    source = KafkaFrameSource(settings=settings.model_copy(update={"frames_topic": "nobody-made-me"}), max_in_flight=2)
    with pytest.raises(Misconfigured, match=r"kafka\.frames_topic.*nobody-made-me"):
        await source.open()
    await source.close()


async def test_the_lag_counts_what_waits(settings: KafkaSettings) -> None:
    await fill(settings, [b"x"] * 30)
    async with opened(settings, max_in_flight=3) as source:
        await take(source, 3)
        await until(lambda: source.lag == 27)


@pytest.mark.parametrize(
    ("servers", "kind"),
    [("127.0.0.1:1", Unreachable), ("nonsense", Misconfigured), ("host:port", Misconfigured), (" , ", Misconfigured)],
)
async def test_a_broker_that_is_not_there_at_the_start_is_told_with_the_setting(
    servers: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 1.0)
    source = KafkaFrameSource(settings=KafkaSettings(bootstrap_servers=servers), max_in_flight=2)
    with pytest.raises(kind, match=r"kafka\.bootstrap_servers"):
        await source.open()
    await source.close()
