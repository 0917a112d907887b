"""What every store of confirmed regions does."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conformance.samples import event

from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.confirmed.store import ConfirmedRegion
from inspectd.database.engine import Database
from inspectd.events.sql import SqlEventStore

MODEL = "0123456789ab"


def unit(*numbers: float) -> NDArray[np.float32]:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def region(event_id: str, vector: NDArray[np.float32], kind: str = "hole", **others: object) -> ConfirmedRegion:
    values = {"region": 1, "camera_id": "cam-1", "model_version": MODEL, "expert_type": "stain"} | others
    return ConfirmedRegion(event_id=event_id, defect_type=kind, embedding=vector, **values)  # type: ignore[arg-type]


@pytest.fixture
async def known(database: Database) -> list[str]:
    """Ids of events that are there."""
    store = SqlEventStore(database=database, outbox=False)
    return [(await store.raise_event(event(number))).event.event_id for number in range(1, 5)]


async def test_the_nearest_come_first_and_once_for_each_event(database: Database, known: list[str]) -> None:
    store = SqlConfirmedStore(database=database)
    one, two, three, _ = known
    await store.replace(one, MODEL, [region(one, unit(1, 0)), region(one, unit(1, 0.1), region=2)])
    await store.replace(two, MODEL, [region(two, unit(1, 1), "dent")])
    await store.replace(three, MODEL, [region(three, unit(0, 1), "chip")])
    (found, other) = await store.search(MODEL, np.stack([unit(1, 0), unit(0, 1)]), 2)
    assert [(item.event_id, item.region, item.defect_type) for item in found] == [(one, 1, "hole"), (two, 1, "dent")]
    assert not any(item.known for item in found)
    assert [item.similarity for item in found] == pytest.approx([1, 0.7071], abs=2e-3)
    assert [item.defect_type for item in other] == ["chip", "dent"]


async def test_model_camera_and_the_event_itself_are_told_apart(database: Database, known: list[str]) -> None:
    store = SqlConfirmedStore(database=database)
    one, two, *_ = known
    await store.replace(one, MODEL, [region(one, unit(1, 0))])
    await store.replace(one, "other", [region(one, unit(1, 0), model_version="other")])
    await store.replace(two, MODEL, [region(two, unit(1, 0), camera_id="cam-2")])

    async def ids(version: str = MODEL, **filters: str) -> set[str]:
        (found,) = await store.search(version, unit(1, 0)[None], 9, **filters)
        return {item.event_id for item in found}

    assert await ids() == {one, two}
    assert await ids("other") == {one}
    assert await ids("third") == set()
    assert await ids(camera_id="cam-2") == {two}
    assert await ids(leave_out=one) == {two}
    assert await store.search(MODEL, np.ones((1, 3), np.float32), 9) == [[]]  # of another width: nothing is alike


async def test_what_was_embedded_before_an_update_is_left_aside(database: Database, known: list[str]) -> None:
    store = SqlConfirmedStore(database=database)
    await store.replace(known[0], MODEL, [region(known[0], unit(1, 0, 0))])
    await store.replace(known[1], MODEL, [region(known[1], unit(1, 0))])
    (found,) = await store.search(MODEL, unit(1, 0)[None], 9)
    assert [item.event_id for item in found] == [known[1]]


async def test_another_daemons_writes_are_seen_and_repetition_changes_nothing(
    database: Database, known: list[str]
) -> None:
    reader, writer = SqlConfirmedStore(database=database), SqlConfirmedStore(database=database)
    one = known[0]
    for _ in range(2):
        await writer.replace(one, MODEL, [region(one, unit(1, 0))])
    assert [len(found) for found in await reader.search(MODEL, unit(1, 0)[None], 9)] == [1]
    await writer.replace(one, MODEL, [region(one, unit(1, 0), "dent")])
    ((relabelled,),) = await reader.search(MODEL, unit(1, 0)[None], 9)
    assert relabelled.defect_type == "dent"
    assert await reader.labels(one) == {MODEL: "dent"}
    for _ in range(2):
        await writer.forget(one)
    assert await reader.search(MODEL, unit(1, 0)[None], 9) == [[]]
    await writer.replace("not-there", MODEL, [region("not-there", unit(1, 0))])
    assert await reader.labels("not-there") == {}


async def test_only_the_newest_are_searched(database: Database, known: list[str]) -> None:
    store = SqlConfirmedStore(database=database, most=2)
    for event_id in known[:3]:
        await store.replace(event_id, MODEL, [region(event_id, unit(1, 0))])
    (found,) = await store.search(MODEL, unit(1, 0)[None], 9)
    assert {item.event_id for item in found} == set(known[1:3])
