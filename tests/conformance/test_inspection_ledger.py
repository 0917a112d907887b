"""Every ledger keeps the promises of `inspections.ledger`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from tests.conformance.samples import START, inspection

from inspectd.database.engine import Database
from inspectd.errors import NotFound, Rejected, Unavailable
from inspectd.inspections.ledger import CameraCounts, InspectionQuery
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.records import Outcome


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[SqlInspectionLedger]:
    ledger = SqlInspectionLedger(database=database)
    yield ledger
    await ledger.close()


@pytest.mark.parametrize("outcome", Outcome)
async def test_a_verdict_comes_back_exactly(ledger: SqlInspectionLedger, outcome: Outcome) -> None:
    verdict = inspection(1, outcome)
    await ledger.record(verdict)
    assert await ledger.get(verdict.frame_id) == verdict


async def test_a_verdict_without_a_model_has_no_score(ledger: SqlInspectionLedger) -> None:
    verdict = inspection(1, Outcome.REJECTED, score=None, threshold=None, model_version="", threshold_version="")
    await ledger.record(verdict)
    assert await ledger.get(verdict.frame_id) == verdict


async def test_recording_again_counts_once(ledger: SqlInspectionLedger) -> None:
    for _ in range(3):
        await ledger.record(inspection(1))
    await asyncio.gather(*[ledger.record(inspection(2)) for _ in range(20)])
    assert await ledger.count() == {
        Outcome.PASS: 2,
        Outcome.DEFECT: 0,
        Outcome.REJECTED: 0,
        Outcome.DROPPED: 0,
    }


async def test_the_later_verdict_on_a_frame_stays(ledger: SqlInspectionLedger) -> None:
    late = inspection(1, Outcome.DEFECT, inspect_time=START + timedelta(minutes=1))
    await ledger.record(inspection(1))
    await ledger.record(late)
    await ledger.record(inspection(1))
    assert await ledger.get(late.frame_id) == late
    counts = await ledger.count()
    assert (counts[Outcome.PASS], counts[Outcome.DEFECT]) == (0, 1)


async def test_old_verdicts_go_in_several_turns_and_the_counts_stay(
    ledger: SqlInspectionLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.inspections.sql.PRUNED_AT_ONCE", 3)
    verdicts = [inspection(index, inspect_time=START + timedelta(days=index)) for index in range(10)]
    for verdict in verdicts:
        await ledger.record(verdict)
    before = (await ledger.count(), await ledger.cameras())
    assert await ledger.prune(START + timedelta(days=8)) == 8
    assert await ledger.prune(START + timedelta(days=8)) == 0
    page = await ledger.list(InspectionQuery(), 50)
    assert [verdict.frame_id for verdict in page.items] == [verdict.frame_id for verdict in reversed(verdicts[8:])]
    assert (await ledger.count(), await ledger.cameras()) == before


async def test_an_unknown_frame_is_not_found(ledger: SqlInspectionLedger) -> None:
    with pytest.raises(NotFound):
        await ledger.get("nobody")


async def test_listing_pages_newest_first_also_among_equal_times(ledger: SqlInspectionLedger) -> None:
    verdicts = [inspection(index, inspect_time=START + timedelta(seconds=index // 4)) for index in range(10)]
    await asyncio.gather(*[ledger.record(verdict) for verdict in verdicts])
    seen: list[str] = []
    token = ""
    while True:
        page = await ledger.list(InspectionQuery(), 3, token)
        seen += [item.frame_id for item in page.items]
        token = page.next_token
        if not token:
            break
    expected = sorted(verdicts, key=lambda item: (item.inspect_time, item.frame_id), reverse=True)
    assert seen == [item.frame_id for item in expected]


async def test_listing_filters(ledger: SqlInspectionLedger) -> None:
    await ledger.record(inspection(1))
    await ledger.record(inspection(2, Outcome.DEFECT))
    await ledger.record(inspection(3, Outcome.REJECTED, camera="press-2"))

    async def frames(query: InspectionQuery) -> list[str]:
        return [item.frame_id for item in (await ledger.list(query, 50)).items]

    assert await frames(InspectionQuery(camera_id="press-1")) == ["press-1/boot/2", "press-1/boot/1"]
    assert await frames(InspectionQuery(part_id="part-3")) == ["press-2/boot/3"]
    assert await frames(InspectionQuery(outcome=Outcome.DEFECT)) == ["press-1/boot/2"]
    assert await frames(InspectionQuery(camera_id="press-2", outcome=Outcome.DEFECT)) == []


@pytest.mark.parametrize("token", ["x", "WyJhIiwxLCJhIl0", "ÿ"])
async def test_a_token_that_is_none_is_refused(ledger: SqlInspectionLedger, token: str) -> None:
    with pytest.raises(Rejected) as caught:
        await ledger.list(InspectionQuery(), 3, token)
    assert caught.value.field == "page_token"


async def test_cameras_are_counted(ledger: SqlInspectionLedger) -> None:
    await ledger.record(inspection(5))
    await ledger.record(inspection(2, Outcome.DEFECT))
    await ledger.record(inspection(9, Outcome.REJECTED))
    await ledger.record(inspection(3, Outcome.DROPPED, camera="press-0"))
    assert await ledger.cameras() == (
        CameraCounts("press-0", 0, 0, START + timedelta(seconds=3)),
        CameraCounts("press-1", 2, 1, START + timedelta(seconds=9)),
    )


async def test_two_daemons_that_record_the_same_frames_count_them_once(
    opened: Callable[[], Awaitable[Database]],
) -> None:
    ledgers = [SqlInspectionLedger(database=await opened()) for _ in range(2)]
    cameras = ["press-1", "press-2", "press-3"]
    for camera in cameras:
        await ledgers[0].record(inspection(0, camera=camera))
    async with asyncio.timeout(60):
        for start in range(1, 241, 30):  # many meetings: each is over within a few milliseconds
            verdicts = [inspection(index, camera=cameras[index % 3]) for index in range(start, start + 30)]
            both = [ledgers[0].record(verdict) for verdict in verdicts]
            both += [ledgers[1].record(verdict) for verdict in reversed(verdicts)]
            await asyncio.gather(*both)
    assert (await ledgers[0].count())[Outcome.PASS] == 243
    assert [camera.inspected_count for camera in await ledgers[1].cameras()] == [81, 81, 81]
    for ledger in ledgers:
        await ledger.close()


async def test_a_verdict_is_there_when_record_returns_and_after_a_restart(
    ledger: SqlInspectionLedger, opened: Callable[[], Awaitable[Database]]
) -> None:
    await ledger.record(inspection(1))
    other = SqlInspectionLedger(database=await opened())
    assert await other.get(inspection(1).frame_id) == inspection(1)


async def test_closing_writes_what_waits_and_then_refuses(ledger: SqlInspectionLedger) -> None:
    waiting = [asyncio.create_task(ledger.record(inspection(index))) for index in range(5)]
    await asyncio.sleep(0)
    await ledger.close()
    await asyncio.gather(*waiting)
    assert (await ledger.count())[Outcome.PASS] == 5
    with pytest.raises(Unavailable):
        await ledger.record(inspection(6))


async def test_a_cancelled_caller_does_not_hold_the_others_up(ledger: SqlInspectionLedger) -> None:
    tasks = [asyncio.create_task(ledger.record(inspection(index))) for index in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results].count(asyncio.CancelledError) == 1
    await ledger.record(inspection(7))
    assert (await ledger.get(inspection(5).frame_id)).frame_id == inspection(5).frame_id


async def test_one_unstorable_verdict_does_not_take_its_batch_along(
    ledger: SqlInspectionLedger, database: Database
) -> None:
    bad = inspection(1, part_id="\ud800")  # no UTF-8: no database takes it
    verdicts = [inspection(0), bad, inspection(2)]
    results = await asyncio.gather(*[ledger.record(verdict) for verdict in verdicts], return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Rejected, type(None)]
    assert (await ledger.count())[Outcome.PASS] == 2
