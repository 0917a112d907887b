"""Every outbox turn keeps the promises of `events.turn`, and several daemons with one outbox announce in order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from tests.conformance.samples import event
from tests.conformance.waiting import until
from tests.inspectd.events.publishers import RecordingPublisher

from inspectd.database.engine import Database
from inspectd.errors import Unavailable
from inspectd.events.outbox import OutboxPublisher
from inspectd.events.sql import SqlEventStore
from inspectd.events.turn import SqlOutboxTurn

Opened = Callable[[], Awaitable[Database]]


async def test_one_daemon_at_a_time_has_the_turn_and_the_next_gets_it(opened: Opened) -> None:
    one, two = [SqlOutboxTurn(database=await opened()) for _ in range(2)]
    assert await one.mine()
    assert await one.mine()
    assert not await two.mine()
    await one.close()
    assert await two.mine()
    await two.close()
    await two.close()


async def test_a_session_that_died_has_lost_its_turn(opened: Opened) -> None:
    database = await opened()
    if database.engine.dialect.name != "postgresql":
        return  # a file lock dies with the process; the crash test has that
    one, two = SqlOutboxTurn(database=database), SqlOutboxTurn(database=await opened())
    assert await one.mine()
    end = text(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
    )
    other = await opened()
    await other.read(lambda connection: connection.execute(end).all())
    await until(two.mine)
    with contextlib.suppress(Unavailable):
        assert not await one.mine()
    assert not await one.mine()
    await one.close()
    await two.close()


async def test_daemons_with_one_outbox_announce_everything_in_order(opened: Opened) -> None:
    """Each waits for its own events, whoever announces them; half-way the one whose turn it is goes away."""
    announced = RecordingPublisher()
    stores, turns, outboxes, tasks = [], [], [], []
    for _ in range(2):
        database = await opened()
        stores.append(SqlEventStore(database=database))
        turns.append(SqlOutboxTurn(database=database))
        outboxes.append(OutboxPublisher(events=stores[-1], publisher=announced, turn=turns[-1], poll_s=0.02))
        tasks.append(asyncio.create_task(outboxes[-1].run()))

    async def work(daemon: int, first: int) -> None:
        for index in range(first, first + 8):
            change = await stores[daemon].raise_event(event(daemon * 100 + index))
            await outboxes[daemon].wait_published(change.sequence)
            assert change.sequence in announced.sequences

    async with asyncio.timeout(30):
        await asyncio.gather(work(0, 0), work(1, 0))
        holder = 0 if await turns[0].mine() else 1
        tasks[holder].cancel()
        await turns[holder].close()
        await work(1 - holder, 50)
    tasks[1 - holder].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await turns[1 - holder].close()
    distinct = list(dict.fromkeys(announced.sequences))
    assert distinct == list(range(1, 25))
