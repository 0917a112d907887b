"""What the daemon keeps: opened here, closed by the caller's stack."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from inspectd.augmentation.sql import SqlJobStore
from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.database.engine import Database, open_database
from inspectd.deadletters.store import DeadLetterStore
from inspectd.errors import Misconfigured, Unavailable
from inspectd.events.sql import SqlEventStore
from inspectd.evidence.files import FileEvidenceStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.settings import Settings
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory

log = structlog.get_logger(__name__)

#: How often retention is applied to what is kept, in seconds.
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


async def sweep(settings: Settings, state: State, dead_letters: DeadLetterStore) -> None:
    """Applies retention, until cancelled. What one store fails to do holds up no other."""
    while True:
        gone = {}
        for what, apply in _rules(settings, state, dead_letters).items():
            try:
                gone[what] = await apply(now())
            except Unavailable as error:
                log.warning("retention could not be applied", what=what, error=str(error))
        if any(gone.values()):
            log.info("retention applied", **gone)
        await asyncio.sleep(SWEEP_EVERY_S)


def _rules(
    settings: Settings, state: State, dead_letters: DeadLetterStore
) -> dict[str, Callable[[datetime], Awaitable[int]]]:
    rules: dict[str, Callable[[datetime], Awaitable[int]]] = {
        "pictures": state.evidence.sweep,
        "changes": lambda time: state.events.prune(CHANGES_KEPT),
        "dead_letters": dead_letters.sweep,
    }
    if settings.database.verdict_retention_days:
        age = timedelta(days=settings.database.verdict_retention_days)
        rules["verdicts"] = lambda time: state.ledger.prune(time - age)
    return rules
