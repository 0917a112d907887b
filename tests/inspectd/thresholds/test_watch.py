"""The watch on the real stores, metrics and alert rule."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import structlog
from numpy.typing import NDArray
from tests.conformance.samples import START, event, inspection

from inspectd.database.engine import open_database
from inspectd.events.sql import SqlEventStore
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.metrics import Metrics
from inspectd.records import DriftState, Outcome, Review, ReviewState, ScoreDrift
from inspectd.settings import DriftSettings
from inspectd.thresholds.conformal import conformal_threshold
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory
from inspectd.thresholds.store import Calibration
from inspectd.thresholds.watch import DriftWatch
from inspectd.vision.expert import ExpertCard

MODEL = "aaaaaaaaaaaa"


class Cards:
    """The served model, which a test may change."""

    version = MODEL

    async def card(self, camera_id: str) -> ExpertCard:
        return ExpertCard(self.version, 0.5, 0.2)


class Camera:
    """Frames once a second, judged by the newest version."""

    def __init__(self, ledger: SqlInspectionLedger, events: SqlEventStore, store: SqlThresholdStore) -> None:
        self.ledger, self.events, self.store = ledger, events, store
        self.cards, self.metrics, self.told = Cards(), Metrics(), list[ScoreDrift]()
        self.now, self._next, self.rng = START, 0, np.random.default_rng(1)
        self.watch = DriftWatch(
            store=store, history=SqlScoreHistory(database=store._database), cards=self.cards,
            settings=DriftSettings(least_frames=100, window_hours=1), metrics=self.metrics,
            clock=lambda: self.now, on_drift=self.told.append,
        )  # fmt: skip

    async def calibrate(self, scores: NDArray[np.float64]) -> str:
        threshold = conformal_threshold(scores.tolist(), 0.02)
        made = Calibration("press-1", MODEL, threshold, 0.02, len(scores), START, scores=ScoreSketch.of(scores))
        return (await self.store.put(made)).version

    async def frames(self, scores: NDArray[np.float64], state: ReviewState = ReviewState.UNREVIEWED) -> None:
        stored = await self.store.newest("press-1", MODEL)
        assert stored is not None
        for score in scores.tolist():
            index, self._next = self._next, self._next + 1
            raised = event(index, score=score, review=Review(state))
            verdict = inspection(
                index, score=score, threshold_version=stored.version, threshold=stored.calibration.threshold
            )
            if score >= stored.calibration.threshold:
                await self.events.raise_event(raised)
                verdict = replace(verdict, outcome=Outcome.DEFECT, event_id=raised.event_id)
            await self.ledger.record(verdict)
            self.now = verdict.inspect_time

    async def state(self) -> DriftState | None:
        await self.watch.measure_all()
        found = self.watch.find("press-1")
        return None if found is None else found.state

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"camera": "press-1", **labels})


@pytest.fixture
async def camera(tmp_path: Path) -> AsyncIterator[Camera]:
    database = await open_database(f"sqlite:///{tmp_path / 'x.db'}")
    ledger = SqlInspectionLedger(database=database)
    yield Camera(ledger, SqlEventStore(database=database), SqlThresholdStore(database=database))
    await ledger.close()
    await database.close()


async def test_a_drift_is_told_once_and_ends_with_a_new_calibration(camera: Camera) -> None:
    rng = camera.rng
    await camera.calibrate(rng.beta(2, 20, size=400))
    assert await camera.state() is DriftState.TOO_FEW
    await camera.frames(rng.beta(2, 20, size=200))
    assert await camera.state() is DriftState.STEADY
    assert camera.metric("inspectd_score_drift") == 0
    camera.now += timedelta(hours=1)  # what was seen before is out of the window
    camera._next += 3600
    await camera.frames(rng.beta(2, 20, size=200) + 0.08)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await camera.state() is DriftState.DRIFTING
    assert [entry["event"] for entry in logs] == ["scores drift: recalibrate"]
    assert [told.alarm_id for told in camera.told] == ["press-1/calibrated/1/2026-03-01"]
    assert camera.metric("inspectd_score_drift") == 1
    assert camera.metric("inspectd_score_drift_ks_distance") == pytest.approx(camera.told[0].ks_distance)
    assert camera.metric("inspectd_false_alarm_promised") == 0.02
    await camera.calibrate(rng.beta(2, 20, size=400) + 0.08)
    assert await camera.state() is DriftState.TOO_FEW, "no frame was judged by the new version yet"
    await camera.frames(rng.beta(2, 20, size=200) + 0.08)
    assert await camera.state() is DriftState.STEADY
    assert len(camera.told) == 1


async def test_a_stream_without_drift_is_never_told_whatever_defects_come(camera: Camera) -> None:
    rng = camera.rng
    await camera.calibrate(rng.beta(2, 20, size=500))
    for window in range(8):
        await camera.frames(rng.beta(2, 20, size=120), ReviewState.REJECTED)
        if window == 4:
            await camera.frames(0.6 + 0.3 * rng.random(60), ReviewState.UNREVIEWED)
            await camera.frames(0.6 + 0.3 * rng.random(60), ReviewState.CONFIRMED)
        assert await camera.state() is DriftState.STEADY
        found = camera.watch.find("press-1")
        assert found is not None
        assert found.false_alarm_low <= found.false_alarm_share <= found.false_alarm_high
    assert camera.told == []
    assert found.alarm_share > 0.05


async def test_rejected_events_beyond_the_promise_are_a_drift(camera: Camera) -> None:
    rng = camera.rng
    await camera.calibrate(rng.beta(2, 20, size=999))
    await camera.frames(rng.beta(2, 20, size=300), ReviewState.REJECTED)
    await camera.frames(np.full(30, 0.9), ReviewState.UNREVIEWED)
    assert await camera.state() is DriftState.STEADY, "nobody knows what they are"
    for index in range(300, 330):
        await camera.events.revise(event(index).event_id, lambda e: replace(e, review=Review(ReviewState.REJECTED)))
    assert await camera.state() is DriftState.DRIFTING
    share = camera.metric("inspectd_false_alarm_share", bound="share")
    assert share is not None
    assert 0.09 < share < 0.15


async def test_another_model_takes_the_old_one_s_measure_away(camera: Camera) -> None:
    await camera.calibrate(camera.rng.beta(2, 20, size=400))
    await camera.frames(camera.rng.beta(2, 20, size=200) + 0.1)
    assert await camera.state() is DriftState.DRIFTING
    camera.cards.version = "bbbbbbbbbbbb"
    assert await camera.state() is None
    assert camera.metric("inspectd_score_drift") is None
    assert camera.metric("inspectd_false_alarm_share", bound="low") is None


async def test_the_webhook_gets_the_drift_with_an_id_that_tells_repetitions() -> None:
    from inspectd.alerts.notifier import AlertRule
    from inspectd.alerts.webhook import WebhookNotifier

    got: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(204)

    notifier = WebhookNotifier(url="http://127.0.0.1:1/hook")
    await notifier._client.aclose()
    notifier._client = httpx.AsyncClient(transport=httpx.MockTransport(take))
    metrics = Metrics()
    rule = AlertRule(notifier=notifier, cooldown_s=1000, metrics=metrics)
    found = ScoreDrift(
        "press-1", "calibrated/7", DriftState.DRIFTING, datetime.fromisoformat("2026-03-01T06:00:00+00:00"),
        500, 500, 0.4, 1.2, 0.01, 0.05, 0.03, 0.08, 0.06,
    )  # fmt: skip
    rule.offer(event(1))
    rule.warn(found)  # in spite of the camera's cool-down
    for _ in range(2):
        metrics.notifications.labels(await rule._tell(rule._queue.get_nowait())).inc()
    await notifier.close()
    assert [request.headers["ce-type"] for request in got] == ["inspectd.v1.defect-event", "inspectd.v1.score-drift"]
    assert got[1].headers["ce-id"] == "press-1/calibrated/7/2026-03-01"
    assert b'"DRIFTING"' in got[1].content
    assert b'"ks_distance": 0.4' in got[1].content
