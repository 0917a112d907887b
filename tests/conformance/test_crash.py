"""A process that is killed: what it was told is committed is there, and the outbox still holds it."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from tests.conformance.samples import event, inspection
from tests.conformance.waiting import until

from inspectd.database.engine import Database
from inspectd.events.sql import SqlEventStore
from inspectd.events.turn import SqlOutboxTurn
from inspectd.inspections.sql import SqlInspectionLedger

CHILD = """
import asyncio, sys
from inspectd.database.engine import open_database
from inspectd.events.sql import SqlEventStore
from inspectd.events.turn import SqlOutboxTurn
from inspectd.inspections.sql import SqlInspectionLedger
from tests.conformance.samples import event, inspection

async def main():
    database = await open_database(sys.argv[1])
    store, ledger, turn = SqlEventStore(database=database), SqlInspectionLedger(database=database), SqlOutboxTurn(database=database)
    assert await turn.mine()
    for index in range(100000):
        change = await store.raise_event(event(index))
        await ledger.record(inspection(index))
        print(change.sequence, flush=True)

asyncio.run(main())
"""


async def test_what_a_killed_process_was_told_is_there(
    database_url: str, opened: Callable[[], Awaitable[Database]]
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told = 0
    while told < 20:
        told = int(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    told = max([told, *map(int, (await process.stdout.read()).split())])
    await process.wait()

    database = await opened()
    store, ledger = SqlEventStore(database=database), SqlInspectionLedger(database=database)
    waiting = await store.unpublished(100_000)
    assert [change.sequence for change in waiting] == list(range(1, len(waiting) + 1))
    assert told <= len(waiting) <= told + 1
    assert [change.event.frame_id for change in waiting] == [event(index).frame_id for index in range(len(waiting))]
    for index in range(told):
        assert await ledger.get(inspection(index).frame_id) == inspection(index)
    turn = SqlOutboxTurn(database=database)
    await until(turn.mine)  # the killed process's lock went with it
    await turn.close()
