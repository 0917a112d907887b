"""Measures every calibrated camera's drift again and again, and says once when it begins. Opens no picture."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from inspectd.errors import InspectdError
from inspectd.metrics import Metrics
from inspectd.records import DriftState, ScoreDrift
from inspectd.settings import DriftSettings
from inspectd.thresholds import drift
from inspectd.thresholds.scores import ScoreHistory, ScoreQuery
from inspectd.thresholds.store import StoredCalibration, ThresholdStore
from inspectd.vision.expert import ExpertCard

log = structlog.get_logger(__name__)


class CardSource(Protocol):
    """Knows the served region expert."""

    async def card(self, camera_id: str) -> ExpertCard:
        """Its version and defaults for a camera's frames. Raises Unavailable."""


class DriftWatch:
    """The newest measure of each camera.

    A drift begins when a measure reaches its setting beyond chance, and ends when every measure is below `clear_share` of
    its setting, or with a new threshold version. Frames judged by another version are not counted. With too few frames a
    drift that has begun stays. Nothing is kept over a restart: a drift that lasts is told again, with the same `alarm_id`.
    """

    def __init__(
        self,
        *,
        store: ThresholdStore,
        history: ScoreHistory,
        cards: CardSource,
        settings: DriftSettings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        on_drift: Callable[[ScoreDrift], None] = lambda found: None,
    ) -> None:
        self._store, self._history, self._cards = store, history, cards
        self._settings, self._metrics, self._clock, self._on_drift = settings, metrics, clock, on_drift
        self._known: dict[str, ScoreDrift] = {}
        self._gauges = (metrics.drift, metrics.drift_ks, metrics.drift_psi)

    def find(self, camera_id: str) -> ScoreDrift | None:
        """The newest measure; None for a camera that is not calibrated for the served model, or not measured yet."""
        return self._known.get(camera_id)

    async def run(self) -> None:
        """Until cancelled. A database or model that is away is waited for."""
        while True:
            try:
                await self.measure_all()
            except InspectdError as error:
                log.warning("drift could not be measured", error=str(error))
            await asyncio.sleep(self._settings.every_s)

    async def measure_all(self) -> None:
        """Every camera once. Raises Unavailable."""
        for camera_id in await self._store.cameras():
            card = await self._cards.card(camera_id)
            stored = await self._store.newest(camera_id, card.model_version)
            if stored is None:
                self._forget(camera_id)
                continue
            await self._measure(stored)

    async def _measure(self, stored: StoredCalibration) -> None:
        made, settings, now = stored.calibration, self._settings, self._clock()
        # No frame was judged by a version before it was made; without this bound the search would read the whole window.
        since = max(made.create_time, now - timedelta(hours=settings.window_hours))
        query = ScoreQuery(made.camera_id, made.model_version, since, settings.max_frames, stored.version)
        window = await self._history.window(query)
        before = self._known.get(made.camera_id)
        if before is not None and before.threshold_version != stored.version:
            before = None
        found = judge(
            stored,
            drift.distance(made, window, settings),
            drift.false_alarms(made, window),
            alarm_share=1 - len(window.passed) / window.frame_count if window.frame_count else 0.0,
            drifting=before is not None and before.state is DriftState.DRIFTING,
            settings=settings,
            now=now,
        )
        self._known[made.camera_id] = found
        self._export(found)
        if found.state is DriftState.DRIFTING and (before is None or before.state is not DriftState.DRIFTING):
            log.warning("scores drift: recalibrate", camera=made.camera_id, **_told(found))
            self._on_drift(found)
        elif before is not None and before.state is DriftState.DRIFTING and found.state is not DriftState.DRIFTING:
            log.info("scores no longer drift", camera=made.camera_id, **_told(found))

    def _forget(self, camera_id: str) -> None:
        """Of a camera that the served model has no calibration for: an old alarm must not stay."""
        if self._known.pop(camera_id, None) is None:
            return
        for gauge in (*self._gauges, self._metrics.false_alarms_promised):
            gauge.remove(camera_id)
        for bound in ("low", "share", "high"):
            self._metrics.false_alarms.remove(camera_id, bound)

    def _export(self, found: ScoreDrift) -> None:
        metrics, camera = self._metrics, found.camera_id
        metrics.drift.labels(camera).set(found.state is DriftState.DRIFTING)
        for gauge, value in ((metrics.drift_ks, found.ks_distance), (metrics.drift_psi, found.psi)):
            gauge.labels(camera).set(float("nan") if value is None else value)
        shares = {"low": found.false_alarm_low, "share": found.false_alarm_share, "high": found.false_alarm_high}
        for bound, value in shares.items():
            metrics.false_alarms.labels(camera, bound).set(value)
        metrics.false_alarms_promised.labels(camera).set(found.promised_rate)


def judge(
    stored: StoredCalibration,
    distance: drift.Distance | None,
    alarms: drift.FalseAlarms,
    *,
    alarm_share: float,
    drifting: bool,
    settings: DriftSettings,
    now: datetime,
) -> ScoreDrift:
    """The state, from what was measured and whether it drifted before."""
    made = stored.calibration
    limit = settings.alarm_factor * made.false_alarm_rate
    reached = alarms.share >= limit and alarms.chance <= settings.significance / drift.MEASURES
    remains = alarms.share >= settings.clear_share * limit
    if distance is not None:
        reached = reached or distance.ks >= max(settings.ks_distance, distance.ks_by_chance)
        reached = reached or distance.psi >= max(settings.psi, distance.psi_by_chance)
        remains = remains or distance.ks >= settings.clear_share * max(settings.ks_distance, distance.ks_by_chance)
        remains = remains or distance.psi >= settings.clear_share * max(settings.psi, distance.psi_by_chance)
    state = DriftState.TOO_FEW if distance is None else DriftState.STEADY
    if reached or (drifting and (remains or distance is None)):
        state = DriftState.DRIFTING
    return ScoreDrift(
        camera_id=made.camera_id,
        threshold_version=stored.version,
        state=state,
        measure_time=now,
        good_count=alarms.good_count,
        compared_count=0 if distance is None else distance.compared_count,
        ks_distance=None if distance is None else distance.ks,
        psi=None if distance is None else distance.psi,
        promised_rate=made.false_alarm_rate,
        false_alarm_share=alarms.share,
        false_alarm_low=alarms.low,
        false_alarm_high=alarms.high,
        alarm_share=alarm_share,
    )


def _told(found: ScoreDrift) -> dict[str, object]:
    return {
        "version": found.threshold_version,
        "ks_distance": found.ks_distance,
        "psi": found.psi,
        "false_alarm_share": found.false_alarm_share,
        "promised_rate": found.promised_rate,
        "good_frames": found.good_count,
    }
