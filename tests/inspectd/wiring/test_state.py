"""What the daemon keeps, and that it does not keep it for ever."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conformance.samples import inspection, record

from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.inspections.ledger import InspectionQuery
from inspectd.settings import Settings
from inspectd.wiring import now, open_state
from inspectd.wiring.state import sweep


@pytest.mark.parametrize(("days", "left"), [(30.0, ["press-1/boot/2"]), (0.0, ["press-1/boot/2", "press-1/boot/1"])])
async def test_retention_reaches_verdicts_when_it_is_set_and_dead_letters(
    tmp_path: Path, days: float, left: list[str]
) -> None:
    settings = Settings.model_validate(
        {"state_dir": tmp_path, "frames": {"source": "simulated"}, "database": {"verdict_retention_days": days}}
    )
    old, young = inspection(1, inspect_time=now() - timedelta(days=31)), inspection(2, inspect_time=now())
    letters = FileDeadLetterStore(
        folder=tmp_path / "dead-letters", settings=settings.dead_letters, clock=lambda: old.inspect_time
    )
    await letters.put(record(), "truncated", "x")

    async def gone() -> bool:
        return [letter async for letter in letters.read()] == []

    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack)
        for verdict in (old, young):
            await state.ledger.record(verdict)
        sweeping = asyncio.create_task(sweep(settings, state, letters))
        while not await gone() or len((await state.ledger.list(InspectionQuery(), 50)).items) != len(left):
            await asyncio.sleep(0.01)
        sweeping.cancel()
        found = await state.ledger.list(InspectionQuery(), 50)
        assert [verdict.frame_id for verdict in found.items] == left
