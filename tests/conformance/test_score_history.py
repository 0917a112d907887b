"""Every score history keeps the promises of `thresholds.scores`: it reads what ledger and event store have written."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.conformance.samples import START, event, inspection

from inspectd.database.engine import Database
from inspectd.errors import NotFound
from inspectd.events.sql import SqlEventStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.records import Outcome, Review, ReviewState, Threshold
from inspectd.thresholds.scores import Judgement, ScoreQuery
from inspectd.thresholds.sql_scores import SqlScoreHistory

MODEL = "aaaaaaaaaaaa"


class Written:
    """A ledger and its events, written as the pipeline does."""

    def __init__(self, database: Database) -> None:
        self.ledger, self.events = SqlInspectionLedger(database=database), SqlEventStore(database=database)
        self.history = SqlScoreHistory(database=database)

    async def passed(self, index: int, score: float, **changes: Any) -> None:
        await self.ledger.record(inspection(index, score=score, **changes))

    async def alarm(self, index: int, score: float, state: ReviewState, region_score: float | None = None) -> None:
        raised = event(index, score=score if region_score is None else region_score, review=Review(state))
        await self.events.raise_event(raised)
        await self.ledger.record(inspection(index, Outcome.DEFECT, score=score, event_id=raised.event_id))


@pytest.fixture
async def written(database: Database) -> AsyncIterator[Written]:
    written = Written(database)
    yield written
    await written.ledger.close()


def query(**changes: Any) -> ScoreQuery:
    return replace(ScoreQuery("press-1", MODEL, START - timedelta(days=1), 1000), **changes)


async def test_frames_are_told_apart_by_what_is_known_of_them(written: Written) -> None:
    await written.passed(0, 0.1)
    await written.alarm(1, 0.7, ReviewState.REJECTED)
    await written.alarm(2, 0.8, ReviewState.CONFIRMED, region_score=0.75)
    await written.alarm(3, 0.9, ReviewState.UNREVIEWED)
    await written.alarm(4, 0.95, ReviewState.ACKNOWLEDGED)
    await written.ledger.record(inspection(5, Outcome.DEFECT, score=0.6, event_id="gone"))
    await written.ledger.record(inspection(6, Outcome.REJECTED, score=None, threshold=None, model_version=""))
    window = await written.history.window(query())
    assert window.passed.tolist() == [0.1]
    assert window.rejected.tolist() == [0.7]
    assert window.confirmed.tolist() == [0.75], "the strongest region's score, which is what is decided on"
    assert sorted(window.pending.tolist()) == [0.6, 0.9, 0.95]
    assert sorted(window.good.tolist()) == [0.1, 0.7]
    assert window.frame_count == 6
    first = inspection(0).inspect_time
    assert (window.begin, window.end) == (first, first + timedelta(seconds=5))


async def test_a_later_review_counts(written: Written) -> None:
    await written.alarm(1, 0.7, ReviewState.UNREVIEWED)
    await written.events.revise(event(1).event_id, lambda e: replace(e, review=Review(ReviewState.REJECTED)))
    assert (await written.history.window(query())).rejected.tolist() == [0.7]


async def test_only_the_frames_that_were_asked_for_count(written: Written) -> None:
    for index in range(6):
        await written.passed(index, index / 10)
    await written.passed(7, 0.9, camera="press-2")
    await written.passed(8, 0.9, model_version="bbbbbbbbbbbb")
    await written.passed(9, 0.7, threshold_version="calibrated/4")

    async def scores(**changes: Any) -> list[float]:
        return sorted((await written.history.window(query(**changes))).passed.tolist())

    assert await scores() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7]
    assert await scores(since=inspection(4).inspect_time) == [0.4, 0.5, 0.7]
    assert await scores(limit=3) == [0.4, 0.5, 0.7]
    assert await scores(threshold_version="calibrated/4") == [0.7]
    assert await scores(camera_id="press-2") == [0.9]


async def test_an_empty_window_has_no_time(written: Written) -> None:
    window = await written.history.window(query())
    assert (window.frame_count, window.begin, window.end) == (0, None, None)


async def test_the_newest_verdict_tells_model_and_threshold(written: Written) -> None:
    with pytest.raises(NotFound, match="press-1"):
        await written.history.newest("press-1")
    await written.passed(1, 0.1, threshold=0.25, threshold_version="calibrated/4", model_version="bbbbbbbbbbbb")
    await written.passed(0, 0.1)
    await written.ledger.record(inspection(2, Outcome.DROPPED, score=None, threshold=None, model_version=""))
    assert await written.history.newest("press-1") == Judgement("bbbbbbbbbbbb", Threshold(0.25, "calibrated/4"))
