"""Every frame source keeps the promises of `frames.source`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.inspectd.frames.pictures import folder_of, frame, jpeg
from tests.services import Services

from inspectd.frames.codec import read_record, write_record
from inspectd.frames.direct import open_direct_source
from inspectd.frames.kafka import KafkaFrameSource
from inspectd.frames.source import Delivery, FrameSource
from inspectd.kafka_client import KafkaSender
from inspectd.settings import FrameSettings

COUNT, BOUND = 12, 5
Restart = Callable[[], Awaitable[FrameSource]]


@pytest.fixture(params=["direct", pytest.param("kafka", marks=pytest.mark.service("kafka"))])
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Restart]:
    """Opens the source, or opens it again, with the same twelve frames of one camera in it."""
    opened: list[FrameSource] = []
    make = await (_kafka if request.param == "kafka" else _direct)(request, tmp_path)

    async def restart() -> FrameSource:
        for source in opened:
            await source.close()
        opened.append(make())
        await opened[-1].open()
        return opened[-1]

    yield restart
    for source in opened:
        await source.close()


async def _direct(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], FrameSource]:
    folder_of(tmp_path / "frames", COUNT)
    return lambda: open_direct_source(
        FrameSettings(source=f"folder:{tmp_path / 'frames'}", camera="press-1", max_in_flight=BOUND)
    )


async def _kafka(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], FrameSource]:
    stack: Services = request.getfixturevalue("stack")
    settings = stack.kafka_settings()
    sender = KafkaSender(settings=settings)
    for number in range(COUNT):
        key, value, headers = write_record(frame(jpeg(number), frame_id=f"press-1/boot/{number:03d}"))
        await sender.send(settings.frames_topic, key, value, headers)
    await sender.close()
    return lambda: KafkaFrameSource(settings=settings, max_in_flight=BOUND)


async def take(source: FrameSource, count: int) -> list[Delivery]:
    found = []
    async with asyncio.timeout(30):
        while len(found) < count and (delivery := await source.receive()) is not None:
            found.append(delivery)
    return found


async def take_and_acknowledge(source: FrameSource, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    for _ in range(count):
        found += await take(source, 1)
        source.acknowledge(found[-1])
    return found


def frame_ids(deliveries: list[Delivery]) -> list[str]:
    class NoBlobs:
        def fetch(self, uri: str, size_bytes: int, sha256: str) -> bytes:
            raise AssertionError(uri)

    return [read_record(delivery.record, FrameSettings(), NoBlobs()).frame_id for delivery in deliveries]


async def test_every_record_comes_once_and_in_order(start: Restart) -> None:
    found = await take_and_acknowledge(await start(), COUNT)
    ids = frame_ids(found)
    assert len(set(ids)) == COUNT
    assert ids == sorted(ids)
    places = [(delivery.record.partition, delivery.record.offset) for delivery in found]
    assert places == sorted(places)


async def test_it_is_ready_while_records_can_flow(start: Restart) -> None:
    source = await start()
    await take(source, 1)
    assert source.ready
    await source.close()
    assert not source.ready


async def test_what_is_not_acknowledged_comes_again_after_a_restart(start: Restart) -> None:
    source = await start()
    first = await take_and_acknowledge(source, 3)
    rest = await take(source, 2)
    source.acknowledge(rest[1])  # out of order: the one before it is not finished
    again = frame_ids(await take_and_acknowledge(await start(), COUNT - 3))
    assert set(frame_ids(rest)) <= set(again) | set(frame_ids(first))
    assert set(frame_ids(rest)) <= set(again)


async def test_the_bound_holds_until_something_is_acknowledged(start: Restart) -> None:
    source = await start()
    held = await take(source, BOUND)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.receive(), 0.5)
    source.acknowledge(held[2])
    assert len(await take(source, 1)) == 1


async def test_acknowledging_twice_is_acknowledging_once(start: Restart) -> None:
    source = await start()
    held = await take(source, BOUND)
    for _ in range(3):
        source.acknowledge(held[0])
    assert len(await take(source, 1)) == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.receive(), 0.5)


async def test_a_receive_that_was_given_up_loses_nothing(start: Restart) -> None:
    source = await start()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(source.receive(), 0)
    ids = frame_ids(await take_and_acknowledge(source, COUNT))
    assert len(set(ids)) == COUNT


async def test_closing_ends_a_receive_that_waits(start: Restart) -> None:
    source = await start()
    await take(source, BOUND)
    waiting = asyncio.create_task(source.receive())
    await asyncio.sleep(0.1)
    await asyncio.wait_for(source.close(), 10)
    assert await asyncio.wait_for(waiting, 2) is None
    await source.close()
