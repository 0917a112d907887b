"""How the ledger batches; what it promises is in tests/conformance."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.samples import inspection
from tests.conformance.waiting import until

from inspectd.database.engine import open_database
from inspectd.errors import Unavailable
from inspectd.inspections import sql
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.records import Outcome


async def test_verdicts_that_come_during_a_write_form_the_next_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'inspectd.db'}")
    ledger = SqlInspectionLedger(database=database)
    sizes: list[int] = []
    go = threading.Event()
    write = sql._write

    def slow(connection: Any, batch: Any) -> None:
        sizes.append(len(batch))
        assert go.wait(10)
        write(connection, batch)

    monkeypatch.setattr(sql, "_write", slow)
    first = asyncio.create_task(ledger.record(inspection(0)))
    await until(lambda: bool(sizes))
    rest = [asyncio.create_task(ledger.record(inspection(index))) for index in range(1, 701)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *rest)
    assert sizes == [1, sql.MAX_BATCH, 200]
    assert (await ledger.count())[Outcome.PASS] == 701
    await ledger.close()
    await database.close()


async def test_a_database_that_is_away_reaches_every_caller_and_a_repetition_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'inspectd.db'}")
    ledger = SqlInspectionLedger(database=database)

    def away(connection: Any, batch: Any) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(sql, "_write", away)
        results = await asyncio.gather(
            *[ledger.record(inspection(index)) for index in range(3)], return_exceptions=True
        )
    assert [type(result) for result in results] == [Unavailable] * 3
    await asyncio.gather(*[ledger.record(inspection(index)) for index in range(3)])
    assert (await ledger.count())[Outcome.PASS] == 3
    await ledger.close()
    await database.close()


async def test_a_mistake_of_ours_reaches_the_caller_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await open_database(f"sqlite:///{tmp_path / 'inspectd.db'}")
    ledger = SqlInspectionLedger(database=database)

    def broken(connection: Any, batch: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(sql, "_write", broken)
    with pytest.raises(KeyError):
        await ledger.record(inspection(1))
    await ledger.close()
    await database.close()
