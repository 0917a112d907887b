"""Which threshold holds for a camera now. A changed threshold takes effect within a few seconds, without a restart."""

import time
from collections.abc import Callable

from inspectd.errors import NotFound
from inspectd.records import Threshold
from inspectd.thresholds.store import Calibration, ThresholdStore
from inspectd.vision.expert import ExpertCard

#: How long a threshold is used before the store is asked again, in seconds.
FRESH_S = 3.0


class Thresholds:
    """The camera's calibrated threshold for the served model, else the model card's default."""

    def __init__(self, *, store: ThresholdStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._known: dict[tuple[str, str], tuple[float, Threshold]] = {}
        self._made: dict[str, Calibration] = {}  # versions never change

    async def find(self, camera_id: str, card: ExpertCard) -> Threshold:
        """Raises Unavailable when the store is away and the camera was never looked up before."""
        key, now = (camera_id, card.model_version), self._clock()
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        found = await self._store.find(camera_id, card.model_version)
        threshold = found or Threshold(card.default_threshold, f"default/{card.model_version}")
        self._known[key] = (now, threshold)
        return threshold

    async def reference_of(self, version: str, card: ExpertCard) -> str:
        """What a threshold version was found with, by id; empty when none, or for another model.

        What it judged is looked at again with the same eyes. Raises Unavailable.
        """
        if version not in self._made:
            try:
                self._made[version] = (await self._store.get(version)).calibration
            except NotFound:  # a model's default
                return ""
        made = self._made[version]
        return made.reference_version if made.model_version == card.model_version else ""
