"""Following the change log."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.line import Line, open_line

from inspectd.errors import Expired, Unavailable
from inspectd.events.feed import ChangeFeed


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path) as line:
        yield line


async def read(feed: ChangeFeed, after: int, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(10):
        async for changes in feed.follow(after, 5.0):
            found += [change.sequence for change in changes]
            if len(found) >= count:
                break
    return found


async def test_a_reader_gets_what_was_and_what_comes(line: Line) -> None:
    await line.defect(1)
    reading = asyncio.ensure_future(read(line.feed, 0, 3))
    await asyncio.sleep(0.05)
    await line.defect(2)
    await line.defect(3)
    assert await reading == [1, 2, 3]


async def test_many_readers_cost_one_question_a_turn(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    changes = line.events.changes

    async def counted(after: int, limit: int) -> object:
        nonlocal asked
        asked += 1
        return await changes(after, limit)

    monkeypatch.setattr(line.events, "changes", counted)
    readers = [asyncio.ensure_future(read(line.feed, 0, 1)) for _ in range(20)]
    await asyncio.sleep(0.3)
    assert asked == 20  # once each, and then they wait
    await line.defect(1)
    assert await asyncio.gather(*readers) == [[1]] * 20


async def test_a_quiet_log_gives_empty_batches_as_heartbeats(line: Line) -> None:
    batches = line.feed.follow(0, 0.05)
    assert [await anext(batches) for _ in range(3)] == [(), (), ()]
    await batches.aclose()


async def test_a_store_that_is_away_for_a_while_ends_no_wait(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> int:
        raise Unavailable("the database is away")

    reading = asyncio.ensure_future(read(line.feed, 0, 1))
    await asyncio.sleep(0.05)
    monkeypatch.setattr(line.events, "last_sequence", away)
    await asyncio.sleep(0.1)
    monkeypatch.undo()
    await line.defect(1)
    assert await reading == [1]


async def test_a_place_that_cannot_be_continued_from_is_expired(line: Line) -> None:
    for number in range(5):
        await line.defect(number)
    await line.events.prune(2)
    for after in (1, 99):
        with pytest.raises(Expired):
            await line.feed.check(after)
    await line.feed.check(3)
    await line.feed.check(5)
