"""Every event store keeps the promises of `events.store`."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.conformance.samples import START, event

from inspectd.database.engine import Database
from inspectd.errors import Conflict, Expired, NotFound, Rejected
from inspectd.events.sql import SqlEventStore
from inspectd.events.store import EventQuery
from inspectd.records import DefectEvent, Explanation, ExplanationState, Origin, Review, ReviewState


@pytest.fixture
def store(database: Database) -> SqlEventStore:
    return SqlEventStore(database=database)


def confirm(there: DefectEvent) -> DefectEvent:
    return dataclasses.replace(there, review=Review(ReviewState.CONFIRMED, "crack", "Ann", "ok", START))


async def test_a_raised_event_comes_back_whole(store: SqlEventStore) -> None:
    before = datetime.now(UTC)
    change = await store.raise_event(event(1, revision=99))
    assert change.sequence == 1
    assert change.event.revision == 1
    assert before <= change.event.update_time <= datetime.now(UTC)
    assert change.event == event(1, update_time=change.event.update_time)
    assert await store.get(change.event.event_id) == change.event
    assert await store.changes(0, 10) == [change]


async def test_raising_an_event_twice_changes_nothing(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))
    again = await store.raise_event(event(1, score=0.9, raise_time=START + timedelta(days=1)))
    assert again == first
    assert await store.last_sequence() == 1


async def test_raising_again_returns_the_newest_revision_even_when_its_change_is_pruned(store: SqlEventStore) -> None:
    await store.raise_event(event(1))
    confirmed = await store.revise(event(1).event_id, confirm)
    await store.mark_published([1, 2])
    assert await store.prune(keep=0) == 2
    assert await store.raise_event(event(1)) == confirmed


async def test_a_frame_under_another_model_version_is_a_revision_that_keeps_the_review(store: SqlEventStore) -> None:
    first = await store.raise_event(
        event(1, explanation=Explanation(ExplanationState.READY, "a crack", Origin.MODEL_VERIFIED))
    )
    await store.revise(first.event.event_id, confirm)
    later = START + timedelta(hours=2)
    change = await store.raise_event(event(1, model_version="bbbbbbbbbbbb", score=0.6, raise_time=later))
    assert (change.sequence, change.event.revision) == (3, 3)
    assert change.event.model_version == "bbbbbbbbbbbb"
    assert change.event.score == 0.6
    assert change.event.review.reviewer == "Ann"
    assert change.event.explanation.state is ExplanationState.PENDING
    assert change.event.raise_time == first.event.raise_time
    assert (await store.raise_event(event(1, model_version="bbbbbbbbbbbb"))).sequence == 3


async def test_a_revision_gets_a_number_a_time_and_a_place_in_the_log(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))
    change = await store.revise(first.event.event_id, confirm, etag=first.event.etag)
    assert (change.sequence, change.event.revision) == (2, 2)
    assert change.event.update_time >= first.event.update_time
    assert change.event.review.defect_type == "crack"
    assert await store.changes(1, 10) == [change]
    assert await store.get(first.event.event_id) == change.event


async def test_an_edit_that_changes_nothing_makes_no_revision(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))
    assert await store.revise(first.event.event_id, lambda there: there) == first
    assert await store.last_sequence() == 1


async def test_a_stale_etag_is_a_conflict(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))
    await store.revise(first.event.event_id, confirm)
    with pytest.raises(Conflict) as caught:
        await store.revise(first.event.event_id, confirm, etag=first.event.etag)
    assert caught.value.stale
    with pytest.raises(Conflict):
        await store.revise(first.event.event_id, confirm, etag="nonsense")
    assert await store.last_sequence() == 2


async def test_an_edit_that_raises_leaves_no_trace_and_no_gap(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))

    def refuse(there: DefectEvent) -> DefectEvent:
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        await store.revise(first.event.event_id, refuse)
    assert await store.get(first.event.event_id) == first.event
    assert (await store.raise_event(event(2))).sequence == 2


async def test_an_edit_cannot_make_it_another_event(store: SqlEventStore) -> None:
    first = await store.raise_event(event(1))
    with pytest.raises(ValueError, match="another event"):
        await store.revise(first.event.event_id, lambda there: event(2))


async def test_an_unknown_event_is_not_found(store: SqlEventStore) -> None:
    with pytest.raises(NotFound):
        await store.get("nobody")
    with pytest.raises(NotFound):
        await store.revise("nobody", confirm)


async def test_listing_pages_newest_first_while_new_events_come(store: SqlEventStore) -> None:
    for index in range(7):
        await store.raise_event(event(index))
    seen: list[str] = []
    token = ""
    while True:
        page = await store.list(EventQuery(), 3, token)
        seen += [item.frame_id for item in page.items]
        token = page.next_token
        if not token:
            break
        await store.raise_event(event(100 + len(seen)))
    assert seen == [event(index).frame_id for index in reversed(range(7))]


async def test_listing_filters(store: SqlEventStore) -> None:
    for index in range(4):
        await store.raise_event(event(index, camera="press-1" if index % 2 else "press-2"))
    await store.revise(event(1).event_id, confirm)

    async def frames(query: EventQuery) -> list[str]:
        return [item.frame_id for item in (await store.list(query, 50)).items]

    assert await frames(EventQuery(camera_id="press-1")) == ["press-1/boot/3", "press-1/boot/1"]
    assert await frames(EventQuery(review_state=ReviewState.CONFIRMED)) == ["press-1/boot/1"]
    window = EventQuery(
        capture_time_from=START + timedelta(seconds=1), capture_time_before=START + timedelta(seconds=3)
    )
    assert await frames(window) == ["press-2/boot/2", "press-1/boot/1"]
    assert await frames(EventQuery(camera_id="press-9")) == []


async def test_events_are_counted_by_review_state(store: SqlEventStore) -> None:
    for index in range(3):
        await store.raise_event(event(index, camera="press-1" if index else "press-2"))
    await store.revise(event(1).event_id, confirm)
    assert await store.count() == {ReviewState.UNREVIEWED: 2, ReviewState.CONFIRMED: 1}
    assert await store.count("press-2") == {ReviewState.UNREVIEWED: 1}


@pytest.mark.parametrize(
    "token", ["x", "!!!", "e30", "WyJhIl0", "WyJhIiwxXQ", "WyJhIiwiMSJd", "W10", "ÿ", "AAAA", "[" * 9]
)
async def test_a_token_that_is_none_is_refused(store: SqlEventStore, token: str) -> None:
    with pytest.raises(Rejected) as caught:
        await store.list(EventQuery(), 3, token)
    assert caught.value.field == "page_token"


async def test_a_token_of_other_filters_is_refused(store: SqlEventStore) -> None:
    for index in range(3):
        await store.raise_event(event(index))
    token = (await store.list(EventQuery(), 1)).next_token
    with pytest.raises(Rejected) as caught:
        await store.list(EventQuery(camera_id="press-1"), 1, token)
    assert caught.value.field == "page_token"


async def test_pending_are_the_unexplained_oldest_first_after_a_restart(
    store: SqlEventStore, opened: Callable[[], Awaitable[Database]], database: Database
) -> None:
    for index in range(4):
        await store.raise_event(event(index))
    ready = Explanation(ExplanationState.READY, "a crack", Origin.MODEL_VERIFIED, 1, "cccccccccccc")
    await store.revise(event(1).event_id, lambda there: dataclasses.replace(there, explanation=ready))
    await database.close()
    restarted = SqlEventStore(database=await opened())
    assert [item.frame_id for item in await restarted.pending(10)] == [event(index).frame_id for index in (0, 2, 3)]
    assert [item.frame_id for item in await restarted.pending(1)] == [event(0).frame_id]
    assert (await restarted.get(event(1).event_id)).explanation == ready


async def test_the_outbox_holds_what_is_not_marked_published(store: SqlEventStore) -> None:
    changes = [await store.raise_event(event(index)) for index in range(4)]
    assert await store.unpublished(10) == changes
    await store.mark_published([1, 2])
    await store.mark_published([1, 2])
    await store.mark_published([])
    assert await store.unpublished(10) == changes[2:]
    assert await store.unpublished(1) == changes[2:3]
    await store.mark_published(range(3, 2000))
    assert await store.unpublished(10) == []


async def test_without_an_outbox_nothing_waits_to_be_published(database: Database) -> None:
    store = SqlEventStore(database=database, outbox=False)
    await store.raise_event(event(1))
    assert await store.unpublished(10) == []
    assert len(await store.changes(0, 10)) == 1


async def test_pruning_never_takes_what_is_unpublished_and_readers_notice_what_went(store: SqlEventStore) -> None:
    for index in range(10):
        await store.raise_event(event(index))
    await store.mark_published(range(1, 7))
    assert await store.prune(keep=8) == 2
    assert await store.prune(keep=0) == 4
    assert await store.prune(keep=0) == 0
    with pytest.raises(Expired):
        await store.changes(5, 10)
    assert [change.sequence for change in await store.changes(6, 10)] == [7, 8, 9, 10]
    assert await store.get(event(0).event_id)
    assert (await store.raise_event(event(50))).sequence == 11


async def test_a_reader_ahead_of_the_log_is_told(store: SqlEventStore) -> None:
    await store.raise_event(event(1))
    assert await store.changes(1, 10) == []
    with pytest.raises(Expired):
        await store.changes(2, 10)


async def test_the_sequence_has_no_gaps_and_follows_the_commits_of_two_daemons(
    opened: Callable[[], Awaitable[Database]],
) -> None:
    """Four writers on two engines, some of whose transactions are taken back; a reader never sees a number twice or late."""
    stores = [SqlEventStore(database=await opened()) for _ in range(2)]
    per_writer = 25

    def refuse(there: DefectEvent) -> DefectEvent:
        raise Conflict("taken back")

    async def write(writer: int) -> None:
        store = stores[writer % 2]
        for index in range(per_writer):
            raised = (await store.raise_event(event(writer * 1000 + index))).event
            if index % 3 == 0:
                with pytest.raises(Conflict):
                    await store.revise(raised.event_id, refuse)
            if index % 5 == 0:
                await store.revise(raised.event_id, confirm)

    total = 4 * (per_writer + per_writer // 5)
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < total:
            seen.extend(change.sequence for change in await stores[1].changes(len(seen), 1000))

    async with asyncio.timeout(60):
        await asyncio.gather(read(), *[write(writer) for writer in range(4)])
    assert seen == list(range(1, total + 1))


async def test_two_daemons_raising_the_same_frame_make_one_event(opened: Callable[[], Awaitable[Database]]) -> None:
    stores = [SqlEventStore(database=await opened()) for _ in range(2)]
    changes = await asyncio.gather(*[stores[turn % 2].raise_event(event(turn // 8)) for turn in range(32)])
    assert sorted({change.sequence for change in changes}) == [1, 2, 3, 4]
    assert {change.event.revision for change in changes} == {1}
    assert await stores[0].last_sequence() == 4
