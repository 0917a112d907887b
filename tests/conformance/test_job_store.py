"""Every job store keeps the promises of `augmentation.store`."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from tests.conformance.samples import START, job

from inspectd.augmentation.sql import SqlJobStore
from inspectd.database.engine import Database
from inspectd.errors import Conflict, NotFound, Rejected
from inspectd.records import JobState

LEASE_S = 60.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> SqlJobStore:
    return SqlJobStore(database=database, lease_s=LEASE_S, clock=clock)


async def test_a_created_job_comes_back_whole(store: SqlJobStore) -> None:
    assert await store.create(job(1)) == job(1)
    assert await store.get("job-1") == job(1)


async def test_creating_twice_returns_the_job_as_it_is(store: SqlJobStore) -> None:
    await store.create(job(1))
    running = await store.claim("w")
    assert await store.create(job(1, requested_count=99)) == running


async def test_an_unknown_job_is_not_found(store: SqlJobStore) -> None:
    for call in (store.get("x"), store.cancel("x"), store.update(job(1), "w")):
        with pytest.raises(NotFound):
            await call


async def test_jobs_are_claimed_oldest_first_and_once(store: SqlJobStore) -> None:
    for index in (2, 0, 1):
        await store.create(job(index))
    claimed = [await store.claim("w") for _ in range(4)]
    assert [item.job_id if item else None for item in claimed] == ["job-0", "job-1", "job-2", None]
    assert claimed[0] is not None
    assert claimed[0].state is JobState.RUNNING


async def test_a_dead_workers_job_is_claimed_again_after_the_lease(store: SqlJobStore, clock: Clock) -> None:
    await store.create(job(1))
    first = await store.claim("one")
    assert first is not None
    clock.pass_by(LEASE_S - 1)
    await store.update(dataclasses.replace(first, accepted_count=2), "one")
    clock.pass_by(LEASE_S - 1)
    assert await store.claim("two") is None
    clock.pass_by(2)
    again = await store.claim("two")
    assert again is not None
    assert (again.job_id, again.accepted_count) == ("job-1", 2)
    with pytest.raises(Conflict):
        await store.update(dataclasses.replace(first, accepted_count=3), "one")
    assert (await store.get("job-1")).accepted_count == 2


async def test_an_update_stores_progress_and_the_end(store: SqlJobStore, clock: Clock) -> None:
    await store.create(job(1))
    claimed = await store.claim("w")
    assert claimed is not None
    clock.pass_by(5)
    progress = await store.update(dataclasses.replace(claimed, accepted_count=1, refused_count=2), "w")
    assert progress.update_time == START + timedelta(seconds=5)
    done = dataclasses.replace(progress, state=JobState.SUCCEEDED, dataset_uri="file:///d")
    ended = await store.update(done, "w")
    assert await store.get("job-1") == ended == done
    clock.pass_by(2 * LEASE_S)
    assert await store.claim("other") is None
    assert await store.update(dataclasses.replace(claimed, failure="late"), "w") == ended


async def test_a_cancelled_job_tells_its_worker(store: SqlJobStore) -> None:
    await store.create(job(1))
    claimed = await store.claim("w")
    assert claimed is not None
    cancelled = await store.cancel("job-1")
    assert cancelled.state is JobState.CANCELLED
    assert (await store.update(dataclasses.replace(claimed, accepted_count=1), "w")) == cancelled
    with pytest.raises(Conflict):
        await store.cancel("job-1")
    await store.create(job(2))
    await store.cancel("job-2")
    assert await store.claim("w") is None


async def test_listing_pages_newest_first(store: SqlJobStore) -> None:
    for index in range(5):
        await store.create(job(index, create_time=START))
    page = await store.list(2)
    rest = await store.list(50, page.next_token)
    assert [item.job_id for item in (*page.items, *rest.items)] == [f"job-{index}" for index in (4, 3, 2, 1, 0)]
    assert rest.next_token == ""
    with pytest.raises(Rejected) as caught:
        await store.list(2, "nonsense")
    assert caught.value.field == "page_token"


async def test_two_daemons_never_claim_the_same_job(opened: Callable[[], Awaitable[Database]]) -> None:
    stores = [SqlJobStore(database=await opened()) for _ in range(2)]
    await asyncio.gather(*[stores[index % 2].create(job(index // 2)) for index in range(20)])
    claimed = await asyncio.gather(*[stores[turn % 2].claim(f"worker-{turn}") for turn in range(12)])
    ids = [item.job_id for item in claimed if item is not None]
    assert sorted(ids) == [f"job-{index}" for index in range(10)]
