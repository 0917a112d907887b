"""The alert never waits for text, the queue is bounded, and a restart takes up what was pending."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.line import MODEL, Line, open_line

from inspectd.explanations.writer import ExplanationWriter
from inspectd.records import DefectEvent, ExplanationState
from inspectd.settings import ExplanationSettings
from inspectd.thresholds.store import Calibration


@asynccontextmanager
async def running(line: Line, *, later_s: float = 0.0, **settings: float) -> AsyncIterator[ExplanationWriter]:
    writer = ExplanationWriter(
        events=line.events,
        narrator=line.narrator,
        settings=ExplanationSettings.model_validate(settings),
        metrics=line.metrics,
        clock=lambda: datetime.now(UTC) + timedelta(seconds=later_s),
    )
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(line: Line, event: DefectEvent) -> DefectEvent:
    async with asyncio.timeout(20):
        while (now := await line.events.get(event.event_id)).explanation.state is ExplanationState.PENDING:
            await asyncio.sleep(0.02)
    return now


async def test_an_event_is_raised_pending_and_revised_with_its_words(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        assert event.explanation.state is ExplanationState.PENDING
        async with running(line) as writer:
            writer.offer(event)
            explained = await settled(line, event)
        assert explained.explanation.state is ExplanationState.READY
        assert explained.revision == 2


async def test_a_restart_takes_up_what_was_pending(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        events = [await line.defect(number) for number in range(5)]
        async with running(line):
            states = [(await settled(line, event)).explanation.state for event in events]
        assert states == [ExplanationState.READY] * 5


async def test_an_event_older_than_the_deadline_is_expired(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        async with running(line, later_s=100, deadline_s=60):
            explained = await settled(line, event)
        assert explained.explanation.state is ExplanationState.EXPIRED
        assert explained.explanation.failure


async def test_an_event_whose_deadline_comes_while_the_explainer_works_is_expired(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.explainer.thinks_s = 0.2
        event, asked = await line.defect(1), line.explainer.asked
        async with running(line, later_s=100, deadline_s=100.1):
            explained = await settled(line, event)
        assert explained.explanation.state is ExplanationState.EXPIRED
        assert "100 s" in explained.explanation.failure
        assert len(asked) <= 1  # and it is not asked again
        line.explainer.thinks_s = 0.0
        other = await line.defect(2)
        async with running(line, later_s=100, deadline_s=500):
            assert (await settled(line, other)).explanation.state is ExplanationState.READY
        left_s = asked[-1].left_s()
        assert left_s is not None
        assert 300 < left_s < 400  # of the event's own time, not of a new one


async def test_an_event_whose_reference_is_gone_fails_at_once_and_says_why(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.expert.memories.add("feedfacecafe")
        made = Calibration("cam-1", MODEL, 0.5, 0.01, 100, datetime.now(UTC), reference_version="feedfacecafe")
        await line.thresholds.put(made)
        event = await line.defect(1)
        line.expert.memories.clear()
        line.narrator._sight._tokens._entries.clear()  # type: ignore[attr-defined]
        async with running(line):
            explained = await settled(line, event)
        assert explained.explanation.state is ExplanationState.FAILED
        assert "calibrate again with good parts" in explained.explanation.failure


async def test_a_full_queue_expires_what_does_not_fit_and_says_so(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.explainer.away = True
        async with running(line, queue_size=2, batch_size=1) as writer:
            events = [await line.defect(number) for number in range(6)]
            for event in events:
                writer.offer(event)
            await asyncio.sleep(1.2)
            states = [(await line.events.get(event.event_id)).explanation.state for event in events]
            assert states.count(ExplanationState.EXPIRED) == 4
            line.explainer.away = False
            assert [(await settled(line, event)).explanation.state for event in events[:2]] == [
                ExplanationState.READY
            ] * 2
            async with asyncio.timeout(5):
                while not writer.idle:  # the words are kept a moment before the writer rests
                    await asyncio.sleep(0.01)
