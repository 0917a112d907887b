"""Every dead-letter store keeps the promises of `deadletters.store`."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conformance.samples import record

from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.deadletters.kafka import KafkaDeadLetterStore
from inspectd.deadletters.store import DeadLetter, DeadLetterStore
from inspectd.frames.source import FrameRecord
from inspectd.kafka_client import KafkaSender


@pytest.fixture(params=["files", pytest.param("kafka", marks=pytest.mark.service("kafka"))])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeadLetterStore]:
    if request.param == "files":
        yield FileDeadLetterStore(folder=tmp_path / "letters")
        return
    settings = request.getfixturevalue("stack").kafka_settings()
    sender = KafkaSender(settings=settings)
    await sender.open()
    yield KafkaDeadLetterStore(settings=settings, sender=sender)
    await sender.close()


async def letters(store: DeadLetterStore) -> list[DeadLetter]:
    return [letter async for letter in store.read()]


async def test_there_are_none_at_first(store: DeadLetterStore) -> None:
    assert await letters(store) == []


@pytest.mark.parametrize(
    "make",
    [
        record,
        lambda: record(value=None, key=None, headers=()),
        lambda: record(value=b""),
        lambda: record(value=b"\n{}\n\x00" * 1000, key=b""),
    ],
)
async def test_a_record_comes_back_byte_for_byte(store: DeadLetterStore, make: Callable[[], FrameRecord]) -> None:
    before = datetime.now(UTC)
    await store.put(make(), "truncated", "the picture ends after 7 bytes\nand more")
    (letter,) = await letters(store)
    assert letter.record == make()
    assert (letter.reason, letter.detail) == ("truncated", "the picture ends after 7 bytes\nand more")
    assert before <= letter.refuse_time <= datetime.now(UTC)
    assert letter.position


async def test_letters_come_oldest_first_each_with_a_position_of_its_own(store: DeadLetterStore) -> None:
    for offset in range(5):
        await store.put(record(offset=offset), "bad_format", "x")
    found = await letters(store)
    assert [letter.record.offset for letter in found] == [0, 1, 2, 3, 4]
    assert len({letter.position for letter in found}) == 5


async def test_retention_leaves_young_letters_alone(store: DeadLetterStore) -> None:
    assert await store.sweep(datetime.now(UTC)) == 0
    await store.put(record(), "truncated", "x")
    assert await store.sweep(datetime.now(UTC)) == 0
    assert len(await letters(store)) == 1


async def test_a_record_may_come_twice(store: DeadLetterStore) -> None:
    for _ in range(2):
        await store.put(record(), "bad_format", "x")
    assert len(await letters(store)) == 2
