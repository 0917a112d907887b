"""Finds a camera's threshold anew from what the line itself has seen and people have said of it, and takes one back.

The good scores are those of passed frames and of rejected events. Split conformal prediction promises the rate for
frames that are exchangeable with them (`thresholds.conformal`); three things stand in its way, and each is told:

- Pending events are left out. Were they all false alarms, the rate would be higher: `Recalibration.worst_rate`. More than
  twice the chosen rate is refused until they are reviewed, or accepted.
- Missed defects among the passed frames are taken for good. They lie below the old threshold and can only raise the new
  one; what they would cost shows in the confirmed defects that the new threshold misses. Any is refused, or accepted.
- Frames of one part that is seen often are not independent; a window over many parts is the mend.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from inspectd.errors import Conflict
from inspectd.records import Threshold
from inspectd.thresholds.conformal import conformal_threshold
from inspectd.thresholds.scores import ScoreHistory, ScoreQuery, ScoreWindow
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.store import Calibration, ReviewedWindow, Source, StoredCalibration, ThresholdStore

#: Frames of a window at most, the newest ones; it bounds memory and time (some seconds).
LARGEST_WINDOW = 200_000
#: How many times the chosen rate the pending events may make it before they have to be reviewed.
WORST_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A threshold from reviews that is not stored yet, and what it would change on the frames of its window."""

    calibration: Calibration
    window: ReviewedWindow
    before: Threshold  # what the camera's newest frame was judged by
    frames_per_hour: float
    alarms_per_hour_before: float  # on every frame, defective ones included
    alarms_per_hour_after: float
    false_alarms_per_hour_before: float  # on the good frames
    false_alarms_per_hour_after: float
    worst_rate: float  # false-alarm rate, were every pending event a false alarm

    def refusals(self, *, accept_misses: bool = False, accept_pending: bool = False) -> tuple[str, ...]:
        """Why it should not be stored as it is; empty when nothing speaks against it."""
        window, rate, found = self.window, self.calibration.false_alarm_rate, []
        if window.missed_count and not accept_misses:
            found.append(
                f"{window.missed_count} of {window.confirmed_count} confirmed defects would pass at "
                f"{self.calibration.threshold:.6g}; choose a higher rate, or accept the misses (--accept-misses)"
            )
        if self.worst_rate > WORST_FACTOR * rate and not accept_pending:
            found.append(
                f"{window.pending_count} events are not decided; were they false alarms, the rate would be up to "
                f"{self.worst_rate:.2%} instead of {rate:.2%}: review them, or accept it (--accept-pending)"
            )
        return tuple(found)


class Recalibrator:
    """Proposes, stores and restores; it scores no picture."""

    def __init__(self, *, history: ScoreHistory, store: ThresholdStore, clock: Callable[[], datetime]) -> None:
        self._history, self._store, self._clock = history, store, clock

    async def propose(
        self, camera_id: str, since: datetime, rate: float, frames_per_hour: float | None = None
    ) -> Recalibration:
        """The threshold at `rate` for the model of the camera's newest frame, from the frames inspected since then.

        Frames per hour are the window's own unless given. The reference stays, and only frames that were scored
        with it count: scores with another one, or with none, are no measure for it. Raises NotFound (nothing was ever
        inspected), Conflict (too few good frames for the rate), Rejected (a rate outside 0..1), Unavailable.
        """
        newest = await self._history.newest(camera_id)
        reference, others = await self._references(camera_id, newest.model_version)
        query = ScoreQuery(camera_id, newest.model_version, since, LARGEST_WINDOW, without_versions=others)
        scores = await self._history.window(query)
        good = scores.good
        threshold = conformal_threshold(good.tolist(), rate)
        assert scores.begin is not None, "a conformal threshold takes at least one frame"
        assert scores.end is not None
        window = ReviewedWindow(
            begin=scores.begin,
            end=scores.end,
            passed_count=len(scores.passed),
            rejected_count=len(scores.rejected),
            confirmed_count=len(scores.confirmed),
            pending_count=len(scores.pending),
            missed_count=int((scores.confirmed < threshold).sum()),
        )
        calibration = Calibration(
            camera_id=camera_id,
            model_version=newest.model_version,
            threshold=threshold,
            false_alarm_rate=rate,
            good_count=len(good),
            create_time=self._clock(),
            reference_version=reference,
            source=Source.REVIEWS,
            window=window,
            scores=ScoreSketch.of(good),
        )
        return _compared(calibration, window, scores, newest.threshold, frames_per_hour)

    async def _references(self, camera_id: str, model_version: str) -> tuple[str, tuple[str, ...]]:
        """The reference in force, and the threshold versions that judged with another one or none."""
        versions = await self._store.history(camera_id)
        made = {item.version: item.calibration for item in versions if item.calibration.model_version == model_version}
        found = {version: calibration.reference_version for version, calibration in made.items()}
        reference = next(iter(found.values()), "")  # newest first
        found[f"default/{model_version}"] = ""
        return reference, tuple(version for version, other in found.items() if other != reference)

    async def store(
        self, proposal: Recalibration, *, accept_misses: bool = False, accept_pending: bool = False
    ) -> Threshold:
        """Stores a proposal as a new version. Raises Conflict with every refusal that is not accepted, Unavailable."""
        refusals = proposal.refusals(accept_misses=accept_misses, accept_pending=accept_pending)
        if refusals:
            raise Conflict("; ".join(refusals))
        return await self._store.put(proposal.calibration)

    async def restore(self, camera_id: str, version: str) -> StoredCalibration:
        """Stores a new version that equals an old one of the same camera, for the old one's model.

        Raises NotFound (no such version), Conflict (it is another camera's), Unavailable.
        """
        old = await self._store.get(version)
        if old.calibration.camera_id != camera_id:
            raise Conflict(f"{version} is a threshold of camera {old.calibration.camera_id!r}, not of {camera_id!r}")
        again = replace(
            old.calibration, source=Source.RESTORED, restores=old.version, window=None, create_time=self._clock()
        )
        return await self._store.get((await self._store.put(again)).version)


def _compared(
    calibration: Calibration,
    window: ReviewedWindow,
    scores: ScoreWindow,
    before: Threshold,
    frames_per_hour: float | None,
) -> Recalibration:
    hours = (window.end - window.begin).total_seconds() / 3600
    if frames_per_hour is None:
        frames_per_hour = (scores.frame_count - 1) / hours if hours else 0.0
    per_hour = frames_per_hour / scores.frame_count
    after, good = calibration.threshold, scores.good

    def false_alarms(threshold: float) -> float:
        return float((good >= threshold).sum())

    def alarms(threshold: float) -> float:
        return false_alarms(threshold) + float(
            (scores.confirmed >= threshold).sum() + (scores.pending >= threshold).sum()
        )

    worst = (false_alarms(after) + float((scores.pending >= after).sum()) + 1) / (len(good) + len(scores.pending) + 1)
    return Recalibration(
        calibration=calibration,
        window=window,
        before=before,
        frames_per_hour=frames_per_hour,
        alarms_per_hour_before=alarms(before.value) * per_hour,
        alarms_per_hour_after=alarms(after) * per_hour,
        false_alarms_per_hour_before=false_alarms(before.value) * per_hour,
        false_alarms_per_hour_after=false_alarms(after) * per_hour,
        worst_rate=worst,
    )
