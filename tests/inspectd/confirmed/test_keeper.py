"""What people decide is what is remembered, whenever and however it was decided."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from tests.line import MODEL, Line, open_line, picture

from inspectd.records import DefectEvent, Explanation, ExplanationState, Review, ReviewState

TWO = picture((40, 30, 60, 12, 250), (200, 150, 70, 12, 240), (150, 60, 30, 30, 245))  # two scratches and a stain


def decided(state: ReviewState, defect_type: str = "") -> Callable[[DefectEvent], DefectEvent]:
    review = Review(state, defect_type, "kim", "", datetime(2025, 3, 2, tzinfo=UTC))
    return lambda event: replace(event, review=review)


async def decide(line: Line, event: DefectEvent, state: ReviewState, defect_type: str = "") -> DefectEvent:
    event = (await line.events.revise(event.event_id, decided(state, defect_type))).event
    await line.keeper.settle(event)
    return event


async def test_a_confirmation_is_remembered_a_correction_replaces_it_and_a_rejection_forgets_it(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        await line.keeper.settle(event)
        assert await line.confirmed.labels(event.event_id) == {}
        await decide(line, event, ReviewState.CONFIRMED)
        assert await line.confirmed.labels(event.event_id) == {MODEL: "scratch"}
        await decide(line, event, ReviewState.CONFIRMED, "pin_hole")
        assert await line.confirmed.labels(event.event_id) == {MODEL: "pin_hole"}
        await decide(line, event, ReviewState.REJECTED)
        assert await line.confirmed.labels(event.event_id) == {}


async def test_an_event_without_a_type_is_not_remembered(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        unclear = Explanation(ExplanationState.READY, "A defect.", defect_type="unknown")
        await line.events.revise(event.event_id, lambda one: replace(one, explanation=unclear))
        await decide(line, event, ReviewState.CONFIRMED)
        assert await line.confirmed.labels(event.event_id) == {}


async def test_only_regions_of_the_strongest_ones_type_are_remembered(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1, TWO)
        assert [region.defect_type for region in event.regions] == ["scratch", "stain", "scratch"]
        await decide(line, event, ReviewState.CONFIRMED, "crack")
        assert await numbers(line) == [1, 3]


async def test_what_was_decided_while_nobody_followed_is_caught_up_with(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        kept, gone, late = [await line.defect(number) for number in (1, 2, 3)]
        await decide(line, kept, ReviewState.CONFIRMED)
        await decide(line, gone, ReviewState.CONFIRMED)
        await line.events.revise(gone.event_id, decided(ReviewState.REJECTED))
        await line.events.revise(late.event_id, decided(ReviewState.CONFIRMED, "dent"))
        await line.keeper.catch_up()
        known = [await line.confirmed.labels(event.event_id) for event in (kept, gone, late)]
        assert known == [{MODEL: "scratch"}, {}, {MODEL: "dent"}]


async def test_a_confirmed_event_whose_picture_is_gone_holds_nothing_up(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        line.narrator._sight._tokens._entries.clear()
        for file in (tmp_path / "e").rglob(f"*{event.picture.sha256[2:]}*"):
            file.unlink()
        await decide(line, event, ReviewState.CONFIRMED)
        assert await line.confirmed.labels(event.event_id) == {}


async def test_a_running_keeper_follows_the_reviews(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        before, after = await line.defect(1), await line.defect(2)
        await line.events.revise(before.event_id, decided(ReviewState.CONFIRMED))
        running = asyncio.create_task(line.keeper.run())
        try:
            await eventually(line, before, {MODEL: "scratch"})
            await line.events.revise(after.event_id, decided(ReviewState.CONFIRMED, "dent"))
            await eventually(line, after, {MODEL: "dent"})
            await line.events.revise(before.event_id, decided(ReviewState.REJECTED))
            await eventually(line, before, {})
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def eventually(line: Line, event: DefectEvent, wanted: dict[str, str]) -> None:
    async with asyncio.timeout(60):
        while await line.confirmed.labels(event.event_id) != wanted:
            await asyncio.sleep(0.02)


async def test_what_is_remembered_goes_with_its_event(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        await decide(line, event, ReviewState.CONFIRMED)
        database = line.confirmed._database
        await database.write(lambda connection: connection.execute(text("DELETE FROM event_changes")))
        await database.write(lambda connection: connection.execute(text("DELETE FROM events")))
        assert await numbers(line) == []


async def numbers(line: Line) -> list[int]:
    statement = text("SELECT region FROM confirmed_regions ORDER BY region")
    return await line.confirmed._database.read(lambda connection: list(connection.execute(statement).scalars()))
