"""What `inspectd calibrate` does without pictures: a threshold from reviews, an older one again, and the list of versions."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from inspectd.cli.connection import table_console
from inspectd.settings import Settings

if TYPE_CHECKING:  # the database is loaded when a command runs
    from collections.abc import AsyncIterator

    from inspectd.thresholds.recalibrator import Recalibration, Recalibrator
    from inspectd.thresholds.store import StoredCalibration, ThresholdStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    camera: str
    since: datetime
    rate: float
    frames_per_hour: float | None
    dry_run: bool
    accept_misses: bool
    accept_pending: bool


async def from_reviews(settings: Settings, wanted: Wanted) -> None:
    """Shows the change, then stores it. Raises what the recalibrator raises."""
    async with _opened(settings) as (recalibrator, _):
        proposal = await recalibrator.propose(wanted.camera, wanted.since, wanted.rate, wanted.frames_per_hour)
        typer.echo(_described(proposal))
        accepted = {"accept_misses": wanted.accept_misses, "accept_pending": wanted.accept_pending}
        if wanted.dry_run:
            for refusal in proposal.refusals(**accepted):
                typer.echo(f"  would be refused: {refusal}")
            typer.echo("  nothing is stored (--dry-run)")
            return
        threshold = await recalibrator.store(proposal, **accepted)
    typer.echo(f"{wanted.camera}: threshold {threshold.value:.6g} ({threshold.version}) is in force")


async def restore(settings: Settings, camera: str, version: str) -> None:
    """Raises what the recalibrator raises."""
    async with _opened(settings) as (recalibrator, _):
        stored = await recalibrator.restore(camera, version)
    again = stored.calibration
    typer.echo(
        f"{camera}: threshold {again.threshold:.6g} ({stored.version}, as {version}) is in force for model "
        f"{again.model_version}; it replaces {stored.replaces}"
    )


async def show_history(settings: Settings, camera: str) -> None:
    """A table, newest first."""
    async with _opened(settings) as (_, store):
        versions = await store.history(camera)
    console = table_console()
    if not versions:
        console.print(f"Camera {camera} has no calibrated threshold.", style="dim", markup=False)
        return
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("version", "threshold", "rate", "good", "made", "from", "replaces", "model"):
        table.add_column(heading, justify="right" if heading in ("threshold", "rate", "good") else "left")
    for stored in versions:
        made = stored.calibration
        table.add_row(
            stored.version, f"{made.threshold:.6g}", f"{made.false_alarm_rate:g}", f"{made.good_count:,}",
            _clock(made.create_time), _origin(stored), stored.replaces or "–", made.model_version,
        )  # fmt: skip
    console.print(table)


@asynccontextmanager
async def _opened(settings: Settings) -> "AsyncIterator[tuple[Recalibrator, ThresholdStore]]":
    from inspectd.thresholds.recalibrator import Recalibrator
    from inspectd.wiring import now, open_state

    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack)
        recalibrator = Recalibrator(history=state.scores, store=state.thresholds, clock=now)
        yield recalibrator, state.thresholds


def _described(proposal: "Recalibration") -> str:
    window, found, before = proposal.window, proposal.calibration, proposal.before
    return "\n".join(
        (
            f"{found.camera_id}: threshold {before.value:.6g} ({before.version}) would become {found.threshold:.6g} at a "
            f"false-alarm rate of {found.false_alarm_rate:g}, for model {found.model_version}",
            f"  from {_clock(window.begin)} to {_clock(window.end)}, {proposal.frames_per_hour:.0f} frames per hour",
            f"  good: {window.passed_count} passed and {window.rejected_count} rejected; confirmed: "
            f"{window.confirmed_count}; not decided, left out: {window.pending_count}",
            f"  alarms per hour: {proposal.alarms_per_hour_before:.1f} before, {proposal.alarms_per_hour_after:.1f} after; of "
            f"these false ones: {proposal.false_alarms_per_hour_before:.1f} before, "
            f"{proposal.false_alarms_per_hour_after:.1f} after",
            f"  confirmed defects that would pass: {window.missed_count}; false-alarm rate, were all that is not decided "
            f"false alarms: {proposal.worst_rate:.2%}",
        )
    )


def _origin(stored: "StoredCalibration") -> str:
    reference = stored.calibration.reference_version
    return _source(stored) + (f", reference {reference}" if reference else "")


def _source(stored: "StoredCalibration") -> str:
    made, window = stored.calibration, stored.calibration.window
    if made.restores:
        return f"restored {made.restores}"
    if window is None:
        return made.source.value.replace("_", " ")
    return (
        f"reviews, {_clock(window.begin)} to {_clock(window.end)}: {window.passed_count} passed, "
        f"{window.rejected_count} rejected, {window.confirmed_count} confirmed ({window.missed_count} missed), "
        f"{window.pending_count} not decided"
    )


def _clock(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")
