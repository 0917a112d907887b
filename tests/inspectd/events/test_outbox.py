import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.conformance.samples import event
from tests.conformance.waiting import until
from tests.inspectd.events.publishers import RecordingPublisher

from inspectd.database.engine import Database, open_database
from inspectd.events import outbox as outbox_module
from inspectd.events.outbox import OutboxPublisher
from inspectd.events.sql import SqlEventStore


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path / 'inspectd.db'}")
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SqlEventStore:
    return SqlEventStore(database=database)


@contextlib.asynccontextmanager
async def running(outbox: OutboxPublisher) -> AsyncIterator[OutboxPublisher]:
    task = asyncio.create_task(outbox.run())
    async with asyncio.timeout(20):
        yield outbox
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_is_raised_is_announced_in_order_and_leaves_the_outbox(store: SqlEventStore) -> None:
    publisher = RecordingPublisher()
    async with running(OutboxPublisher(events=store, publisher=publisher)) as outbox:
        for index in range(5):
            change = await store.raise_event(event(index))
            await outbox.wait_published(change.sequence)
        assert publisher.sequences == [1, 2, 3, 4, 5]
        await outbox.wait_published(3)

        async def marked() -> bool:
            return not await store.unpublished(10)

        await until(marked)  # the mark comes right after the acknowledgement


async def test_waiting_does_not_wait_for_the_poll(store: SqlEventStore) -> None:
    async with running(OutboxPublisher(events=store, publisher=RecordingPublisher(), poll_s=600)) as outbox:
        await asyncio.sleep(0.05)
        for index in range(3):
            await outbox.wait_published((await store.raise_event(event(index))).sequence)


async def test_a_change_of_another_process_is_announced_too(store: SqlEventStore) -> None:
    publisher = RecordingPublisher()
    async with running(OutboxPublisher(events=store, publisher=publisher, poll_s=0.02)):
        await asyncio.sleep(0.05)
        await store.raise_event(event(1))
        await until(lambda: bool(publisher.published))


async def test_a_broker_that_is_away_is_tried_again_and_nothing_is_lost(
    store: SqlEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_BACKOFF_S", 0.05)
    publisher = RecordingPublisher()
    publisher.away = True
    failures: list[int] = []
    outbox = OutboxPublisher(events=store, publisher=publisher, count_retry=lambda: failures.append(1))
    async with running(outbox):
        changes = [await store.raise_event(event(index)) for index in range(3)]
        waiting = asyncio.create_task(outbox.wait_published(3))
        await until(lambda: len(failures) >= 3)
        assert not waiting.done()
        assert not outbox.ready
        assert publisher.published == []
        publisher.away = False
        await waiting
        assert publisher.published == changes
        await until(lambda: outbox.ready)


async def test_a_change_that_the_broker_refuses_for_good_is_counted_and_holds_up_nothing(
    store: SqlEventStore,
) -> None:
    publisher, refused = RecordingPublisher(), list[str]()
    changes = [await store.raise_event(event(index)) for index in range(4)]
    publisher.refused.add(changes[1].event.event_id)
    with capture_logs() as logs:
        async with running(OutboxPublisher(events=store, publisher=publisher, count_refused=refused.append)) as outbox:
            await outbox.wait_published(4)
            later = await store.raise_event(event(5))
            await outbox.wait_published(later.sequence)
            assert outbox.ready
            assert set(publisher.sequences) == {1, 3, 4, 5}

            async def marked() -> bool:
                return not await store.unpublished(10)

            await until(marked)
    assert refused == ["too_large"]
    (told,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (told["event_id"], told["reason"]) == (changes[1].event.event_id, "too_large")
    assert (await store.get(changes[1].event.event_id)).revision == 1


async def test_the_outbox_survives_a_crash_between_commit_and_announcement(store: SqlEventStore) -> None:
    """The process is cut off while the broker holds the changes back; the next one announces them."""
    held = RecordingPublisher()
    held.open.clear()
    first = OutboxPublisher(events=store, publisher=held)
    task = asyncio.create_task(first.run())
    raised = [await store.raise_event(event(index)) for index in range(3)]
    await until(lambda: held.tries > 0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    publisher = RecordingPublisher()
    async with running(OutboxPublisher(events=store, publisher=publisher)) as second:
        await second.wait_published(3)
    assert publisher.published == raised


async def test_a_crash_between_announcement_and_mark_repeats_and_loses_nothing(
    store: SqlEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(sequences: object) -> None:
        raise asyncio.CancelledError

    publisher = RecordingPublisher()
    await store.raise_event(event(1))
    with monkeypatch.context() as patch:
        patch.setattr(store, "mark_published", crash)
        with pytest.raises(asyncio.CancelledError):
            await OutboxPublisher(events=store, publisher=publisher).run()
    async with running(OutboxPublisher(events=store, publisher=publisher)) as outbox:
        await outbox.wait_published(1)
        assert publisher.sequences == [1, 1]


async def test_a_long_outbox_is_announced_in_pieces(store: SqlEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "BATCH", 3)
    for index in range(8):
        await store.raise_event(event(index))
    publisher = RecordingPublisher()
    async with running(OutboxPublisher(events=store, publisher=publisher, poll_s=600)) as outbox:
        await outbox.wait_published(8)
    assert publisher.sequences == list(range(1, 9))
    assert publisher.tries == 3
