"""Finds a camera's threshold from pictures of good parts, with the same eyes that later inspect."""

from collections.abc import Callable, Sequence
from datetime import datetime

from inspectd.errors import Rejected
from inspectd.records import Frame, Threshold
from inspectd.thresholds.conformal import conformal_threshold, expected_alarms_per_hour
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.store import Calibration, ThresholdStore
from inspectd.vision.sight import Sight


class Calibrator:
    """Scores good pictures and stores the threshold that keeps false alarms at the chosen rate."""

    def __init__(self, *, sight: Sight, store: ThresholdStore, clock: Callable[[], datetime]) -> None:
        self._sight, self._store, self._clock = sight, store, clock

    async def calibrate(
        self,
        camera_id: str,
        images: Sequence[bytes],
        rate: float,
        frames_per_hour: float,
        progress: Callable[[int, int], None],
    ) -> tuple[Threshold, float]:
        """The stored threshold, and the alarms per hour to expect on good parts.

        Raises Rejected (a picture is bad, the rate is not in 0..1), Conflict (too few pictures for the rate), Unavailable.
        """
        conformal_threshold([0.0] * len(images), rate)  # refuses before any work is done
        scores = []
        for number, data in enumerate(images, 1):
            try:
                sighting = await self._sight.look(data, Frame.digest(data), None)
            except Rejected as error:
                raise Rejected(error.reason, f"picture {number}: {error.detail}", field="good_images") from error
            scores.append(sighting.findings.image_score)
            progress(number, len(images))
        card = await self._sight.card()
        calibration = Calibration(
            camera_id=camera_id,
            model_version=card.model_version,
            threshold=conformal_threshold(scores, rate),
            false_alarm_rate=rate,
            good_count=len(images),
            create_time=self._clock(),
            scores=ScoreSketch.of(scores),
        )
        return await self._store.put(calibration), expected_alarms_per_hour(rate, frames_per_hour)
