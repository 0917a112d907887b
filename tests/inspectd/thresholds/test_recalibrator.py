"""Thresholds from reviews, on the real stores."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.conformance.samples import START, event, inspection

from inspectd.database.engine import open_database
from inspectd.errors import Conflict, NotFound, Rejected
from inspectd.events.sql import SqlEventStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.records import Outcome, Review, ReviewState
from inspectd.thresholds.recalibrator import Recalibrator
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory
from inspectd.thresholds.store import Calibration, ReviewedWindow, Source

NOW = datetime(2026, 3, 8, tzinfo=UTC)
MODEL = "aaaaaaaaaaaa"
SINCE = START - timedelta(hours=1)


class Shift:
    """A camera whose frames come once a second, judged at 0.5."""

    def __init__(self, ledger: SqlInspectionLedger, events: SqlEventStore, store: SqlThresholdStore) -> None:
        self.ledger, self.events, self.store = ledger, events, store
        self._next = 0

    async def frames(self, scores: Sequence[float], state: ReviewState | None = None) -> None:
        for score in scores:
            index, self._next = self._next, self._next + 1
            judged = {"score": score, "threshold": 0.5, "threshold_version": "calibrated/9"}
            if state is None:
                await self.ledger.record(inspection(index, **judged))
                continue
            raised = event(index, score=score, review=Review(state))
            await self.events.raise_event(raised)
            await self.ledger.record(inspection(index, Outcome.DEFECT, event_id=raised.event_id, **judged))


@pytest.fixture
async def shift(tmp_path: Path) -> AsyncIterator[Shift]:
    database = await open_database(f"sqlite:///{tmp_path / 'x.db'}")
    ledger = SqlInspectionLedger(database=database)
    shift = Shift(ledger, SqlEventStore(database=database), SqlThresholdStore(database=database))
    yield shift
    await ledger.close()
    await database.close()


@pytest.fixture
def recalibrator(shift: Shift) -> Recalibrator:
    history = SqlScoreHistory(database=shift.store._database)
    return Recalibrator(history=history, store=shift.store, clock=lambda: NOW)


async def test_passed_and_rejected_frames_make_the_threshold(shift: Shift, recalibrator: Recalibrator) -> None:
    await shift.frames([index / 1000 for index in range(90)])  # 0.000 to 0.089
    await shift.frames([0.60, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67, 0.68], ReviewState.REJECTED)
    await shift.frames([0.9, 0.8], ReviewState.CONFIRMED)
    proposal = await recalibrator.propose("press-1", SINCE, 0.05)
    # 99 good scores: (99 + 1) * 0.05 = 5 places from above, so 4 of them still alarm, and 0.64 is the largest that passes
    assert proposal.calibration.threshold == np.nextafter(0.64, 1)
    first = inspection(0).inspect_time
    assert proposal.window == ReviewedWindow(first, first + timedelta(seconds=100), 90, 9, 2, 0, 0)
    assert (proposal.before.value, proposal.before.version) == (0.5, "calibrated/9")
    assert proposal.frames_per_hour == pytest.approx(3600)
    per_hour = 3600 / 101
    assert proposal.alarms_per_hour_before == pytest.approx(11 * per_hour)
    assert proposal.alarms_per_hour_after == pytest.approx(6 * per_hour)
    assert proposal.false_alarms_per_hour_before == pytest.approx(9 * per_hour)
    assert proposal.false_alarms_per_hour_after == pytest.approx(4 * per_hour)
    assert proposal.refusals() == ()
    stored = await shift.store.get((await recalibrator.store(proposal)).version)
    assert stored.calibration == proposal.calibration
    assert stored.calibration.source is Source.REVIEWS
    assert stored.calibration.good_count == 99
    assert (await shift.store.find("press-1", MODEL)).value == proposal.calibration.threshold  # type: ignore[union-attr]


async def test_frames_per_hour_may_be_given(shift: Shift, recalibrator: Recalibrator) -> None:
    await shift.frames([0.1] * 99)
    await shift.frames([0.7], ReviewState.CONFIRMED)
    proposal = await recalibrator.propose("press-1", SINCE, 0.05, 1000)
    assert proposal.alarms_per_hour_before == pytest.approx(10)


async def test_a_confirmed_defect_that_would_pass_refuses_the_threshold(
    shift: Shift, recalibrator: Recalibrator
) -> None:
    await shift.frames([0.1] * 90)
    await shift.frames([0.7] * 9, ReviewState.REJECTED)
    await shift.frames([0.6, 0.7, 0.8], ReviewState.CONFIRMED)
    proposal = await recalibrator.propose("press-1", SINCE, 0.05)
    assert proposal.window.missed_count == 2, "0.6, and 0.7 which passes now like the false alarms of that score"
    with pytest.raises(Conflict, match=r"2 of 3 confirmed defects would pass .*--accept-misses"):
        await recalibrator.store(proposal)
    assert await shift.store.history("press-1") == ()
    threshold = await recalibrator.store(proposal, accept_misses=True)
    window = (await shift.store.get(threshold.version)).calibration.window
    assert window is not None
    assert window.missed_count == 2


async def test_pending_events_are_left_out_and_too_many_refuse_the_threshold(
    shift: Shift, recalibrator: Recalibrator
) -> None:
    await shift.frames(np.linspace(0, 0.4, 199).tolist())
    alone = await recalibrator.propose("press-1", SINCE, 0.05)
    assert alone.worst_rate == pytest.approx(0.05)  # (9 + 1) / (199 + 1)
    await shift.frames([0.6] * 5, ReviewState.UNREVIEWED)
    few = await recalibrator.propose("press-1", SINCE, 0.05)
    assert few.calibration.threshold == alone.calibration.threshold
    assert few.worst_rate == pytest.approx(15 / 205)
    assert few.refusals() == ()
    await shift.frames([0.6] * 10, ReviewState.ACKNOWLEDGED)
    many = await recalibrator.propose("press-1", SINCE, 0.05)
    assert many.window.pending_count == 15
    with pytest.raises(Conflict, match=r"15 events are not decided.*11\.63% instead of 5\.00%.*--accept-pending"):
        await recalibrator.store(many)
    await recalibrator.store(many, accept_pending=True)


async def test_the_worst_rate_is_the_threshold_s_rate_when_every_pending_event_is_good(
    shift: Shift, recalibrator: Recalibrator
) -> None:
    """Brute force: with the pending events among the good ones, the same threshold is what that rate would give or more."""
    from inspectd.thresholds.conformal import conformal_threshold

    rng = np.random.default_rng(5)
    scores = rng.gamma(2.0, 0.1, size=400).tolist()
    await shift.frames([score for score in scores if score < 0.5])
    alarms = [score for score in scores if score >= 0.5]
    await shift.frames(alarms[::2], ReviewState.REJECTED)
    await shift.frames(alarms[1::2], ReviewState.UNREVIEWED)
    proposal = await recalibrator.propose("press-1", SINCE, 0.02)
    threshold = proposal.calibration.threshold
    assert conformal_threshold(scores, proposal.worst_rate + 1e-9) <= threshold
    assert conformal_threshold(scores, proposal.worst_rate - 1 / 401) > threshold


async def test_what_cannot_be_computed_is_told(shift: Shift, recalibrator: Recalibrator) -> None:
    with pytest.raises(NotFound, match="press-1"):
        await recalibrator.propose("press-1", SINCE, 0.05)
    await shift.frames([0.1] * 50)
    with pytest.raises(Conflict, match=r"50 good frames cannot .* 0\.01: it takes 99"):
        await recalibrator.propose("press-1", SINCE, 0.01)
    with pytest.raises(Conflict, match="0 good frames"):
        await recalibrator.propose("press-1", NOW, 0.01)
    with pytest.raises(Rejected):
        await recalibrator.propose("press-1", SINCE, 1.5)


async def test_false_alarms_keep_to_the_rate_when_a_part_of_the_good_frames_alarmed_before() -> None:
    """The new threshold holds its promise on new frames, whatever threshold cut the old ones into passed and rejected."""
    from inspectd.thresholds.conformal import conformal_threshold

    rng = np.random.default_rng(11)
    shares = []
    for _ in range(2000):
        scores = rng.exponential(size=150)
        passed, rejected = scores[scores < 1.0], scores[scores >= 1.0]
        threshold = conformal_threshold(np.concatenate([passed, rejected]).tolist(), 0.05)
        shares.append(np.exp(-threshold))
    assert np.mean(shares) == pytest.approx(7 / 151, abs=4 * np.std(shares) / np.sqrt(len(shares)))


async def test_an_older_version_is_put_in_force_again_as_a_new_one(shift: Shift, recalibrator: Recalibrator) -> None:
    await shift.frames([index / 1000 for index in range(199)])
    old = await recalibrator.store(await recalibrator.propose("press-1", SINCE, 0.05))
    newer = await shift.store.put(Calibration("press-1", MODEL, 0.9, 0.01, 99, NOW))
    restored = await recalibrator.restore("press-1", old.version)
    was = (await shift.store.get(old.version)).calibration
    assert (restored.replaces, restored.calibration.restores) == (newer.version, old.version)
    assert restored.calibration.source is Source.RESTORED
    assert restored.calibration.scores == was.scores
    in_force = await shift.store.find("press-1", MODEL)
    assert in_force is not None
    assert (in_force.value, in_force.version) == (old.value, restored.version)
    assert [item.version for item in await shift.store.history("press-1")] == [
        restored.version, newer.version, old.version
    ]  # fmt: skip


async def test_only_a_version_of_the_same_camera_can_be_restored(shift: Shift, recalibrator: Recalibrator) -> None:
    other = await shift.store.put(Calibration("press-2", MODEL, 0.9, 0.01, 99, NOW))
    with pytest.raises(Conflict, match="press-2"):
        await recalibrator.restore("press-1", other.version)
    with pytest.raises(NotFound):
        await recalibrator.restore("press-1", "calibrated/77")
