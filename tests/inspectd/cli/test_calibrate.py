"""`inspectd calibrate` without pictures, on a database that a line has written."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from click.testing import Result
from tests.conformance.samples import event, inspection
from typer.testing import CliRunner

from inspectd.database.engine import open_database
from inspectd.errors import Conflict, InspectdError, Misconfigured, NotFound
from inspectd.events.sql import SqlEventStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.records import Outcome, Review, ReviewState
from inspectd.thresholds.sql import SqlThresholdStore

BEGIN = datetime.now(UTC) - timedelta(hours=2)


async def write_a_shift(state: Path) -> None:
    """199 frames that pass, two false alarms and a defect."""
    database = await open_database(f"sqlite:///{state / 'inspectd.db'}")
    ledger, events = SqlInspectionLedger(database=database), SqlEventStore(database=database)
    for index in range(202):
        verdict = inspection(index, score=index / 1000, inspect_time=BEGIN + timedelta(seconds=index))
        if index >= 199:
            state_of = ReviewState.CONFIRMED if index == 201 else ReviewState.REJECTED
            raised = event(index, score=0.4 + (index - 199) / 100, review=Review(state_of))
            await events.raise_event(raised)
            verdict = replace(verdict, outcome=Outcome.DEFECT, score=raised.score, event_id=raised.event_id)
        await ledger.record(verdict)
    await ledger.close()
    await database.close()


async def versions(state: Path) -> list[str]:
    database = await open_database(f"sqlite:///{state / 'inspectd.db'}")
    found = [item.version for item in await SqlThresholdStore(database=database).history("press-1")]
    await database.close()
    return found


async def run(app: typer.Typer, state: Path, *words: str) -> Result:
    arguments = ["calibrate", "--camera", "press-1", "--state-dir", str(state), *words]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def test_a_threshold_from_reviews_is_shown_and_stored(app: typer.Typer, tmp_path: Path) -> None:
    await write_a_shift(tmp_path)
    dry = await run(app, tmp_path, "--from-reviews", "--rate", "0.02", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "good: 199 passed and 2 rejected; confirmed: 1; not decided, left out: 0" in dry.output
    assert "nothing is stored" in dry.output
    assert await versions(tmp_path) == []
    result = await run(app, tmp_path, "--from-reviews", "--rate", "0.02", "--days", "1")
    assert result.exit_code == 0, result.output
    assert "(calibrated/1) is in force" in result.output
    assert "alarms per hour: 53.5 before, 71.3 after" in result.output


async def test_a_threshold_that_misses_a_defect_is_refused_or_accepted(app: typer.Typer, tmp_path: Path) -> None:
    await write_a_shift(tmp_path)
    database = await open_database(f"sqlite:///{tmp_path / 'inspectd.db'}")
    await SqlEventStore(database=database).revise(
        event(199).event_id, lambda e: replace(e, review=Review(ReviewState.CONFIRMED))
    )
    await database.close()
    words = ("--from-reviews", "--rate", "0.005")
    dry = await run(app, tmp_path, *words, "--dry-run")
    assert dry.exit_code == 0
    assert "would be refused: 1 of 2 confirmed defects would pass" in dry.output
    refused = await run(app, tmp_path, *words)
    assert isinstance(refused.exception, Conflict)
    assert await versions(tmp_path) == []
    assert (await run(app, tmp_path, *words, "--accept-misses")).exit_code == 0
    assert await versions(tmp_path) == ["calibrated/1"]


async def test_versions_are_listed_and_restored(app: typer.Typer, tmp_path: Path) -> None:
    await write_a_shift(tmp_path)
    assert "has no calibrated threshold" in (await run(app, tmp_path, "--history")).output
    for rate in ("0.02", "0.05"):
        await run(app, tmp_path, "--from-reviews", "--rate", rate)
    restored = await run(app, tmp_path, "--restore", "calibrated/1")
    assert "(calibrated/3, as calibrated/1) is in force" in restored.output
    listed = (await run(app, tmp_path, "--history")).output
    lines = [line.split() for line in listed.replace("│", " ").splitlines() if line.lstrip().startswith("calibrated/")]
    assert [line[0] for line in lines] == ["calibrated/3", "calibrated/2", "calibrated/1"]
    assert lines[0][1] == lines[2][1] != lines[1][1]
    assert "restored calibrated/1" in listed
    assert "199 passed, 2 rejected, 1 confirmed (0 missed), 0 not decided" in listed
    assert "default/aaaaaaaaaaaa" in listed


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), Misconfigured),
        (("--from-reviews", "--history"), Misconfigured),
        (("--good", "nowhere"), Misconfigured),
        (("--from-reviews",), NotFound),
        (("--restore", "calibrated/1"), NotFound),
    ],
)
async def test_what_cannot_be_done_is_told(
    app: typer.Typer, tmp_path: Path, words: tuple[str, ...], error: type[InspectdError]
) -> None:
    assert isinstance((await run(app, tmp_path, *words)).exception, error)
