"""What the daemon keeps: opened here, closed by the caller's stack."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from inspectd.augmentation.sql import SqlJobStore
from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.database.engine import Database, open_database
from inspectd.errors import Misconfigured, Unavailable
from inspectd.events.sql import SqlEventStore
from inspectd.evidence.files import FileEvidenceStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.settings import Settings
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory

log = structlog.get_logger(__name__)

#: How often retention is applied to the kept pictures, in seconds.
SWEEP_EVERY_S = 600.0
#: Changes that a watcher may resume from; older ones answer OUT_OF_RANGE.
CHANGES_KEPT = 100_000


def now() -> datetime:
    """The clock of the whole daemon."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class State:
    """What the daemon keeps: one database, one evidence store."""

    database: Database
    events: SqlEventStore
    ledger: SqlInspectionLedger
    thresholds: SqlThresholdStore
    scores: SqlScoreHistory
    confirmed: SqlConfirmedStore
    jobs: SqlJobStore
    evidence: FileEvidenceStore


async def open_state(settings: Settings, stack: AsyncExitStack) -> State:
    """Opens the database and the evidence store."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            "state_dir", f"{settings.state} cannot be made ({error.strerror})", "Set INSPECTD_STATE_DIR"
        ) from error
    database = await open_database(settings.database_url)
    stack.push_async_callback(database.close)
    ledger = SqlInspectionLedger(database=database)
    stack.push_async_callback(ledger.close)
    evidence = FileEvidenceStore(uri=settings.evidence_uri, settings=settings.evidence)
    await evidence.open()
    stack.push_async_callback(evidence.close)
    return State(
        database=database,
        events=SqlEventStore(database=database, outbox=settings.frames.source == "kafka"),
        ledger=ledger,
        thresholds=SqlThresholdStore(database=database),
        scores=SqlScoreHistory(database=database),
        confirmed=SqlConfirmedStore(database=database, most=settings.confirmed.most_regions),
        jobs=SqlJobStore(database=database),
        evidence=evidence,
    )


async def sweep(state: State) -> None:
    """Applies retention, until cancelled."""
    while True:
        try:
            gone = await state.evidence.sweep(now())
            forgotten = await state.events.prune(CHANGES_KEPT)
            if gone or forgotten:
                log.info("retention applied", pictures=gone, changes=forgotten)
        except Unavailable as error:
            log.warning("retention could not be applied", error=str(error))
        await asyncio.sleep(SWEEP_EVERY_S)
