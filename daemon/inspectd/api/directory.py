"""The cameras as the daemon sees them: the ledger's counts beside the threshold in force. Knows no transport."""

import asyncio

from inspectd.api.services import CameraThresholds, CardSource, DriftSource
from inspectd.errors import NotFound, Unavailable
from inspectd.inspections.ledger import CameraCounts, InspectionLedger
from inspectd.records import CameraStatus, ScoreDrift, Threshold
from inspectd.thresholds.store import ThresholdStore

#: What stands for a threshold while the served model cannot be asked for its default.
UNKNOWN_THRESHOLD = Threshold(0.0, "")


class CameraDirectory:
    """Every camera that has sent a frame or has a threshold."""

    def __init__(
        self,
        *,
        ledger: InspectionLedger,
        store: ThresholdStore,
        thresholds: CameraThresholds,
        cards: CardSource,
        drifts: DriftSource | None = None,
    ) -> None:
        self._drifts = drifts
        self._ledger, self._store, self._thresholds, self._cards = ledger, store, thresholds, cards

    async def list(self) -> tuple[CameraStatus, ...]:
        """By id. Raises Unavailable when a threshold cannot be told."""
        cameras = await self._counts()
        cards = [await self._cards.card(camera) for camera in cameras]
        found = await asyncio.gather(*map(self._thresholds.find, cameras, cards))
        return tuple(self._status(counts, threshold) for counts, threshold in zip(cameras.values(), found, strict=True))

    async def list_at_hand(self) -> tuple[CameraStatus, ...]:
        """By id, with UNKNOWN_THRESHOLD while the model is away: for a display that must show the counts anyway."""
        try:
            return await self.list()
        except Unavailable:
            cameras = await self._counts()
            return tuple(self._status(counts, UNKNOWN_THRESHOLD) for counts in cameras.values())

    async def get(self, camera_id: str) -> CameraStatus:
        """Raises NotFound, Unavailable."""
        counts = (await self._counts()).get(camera_id)
        if counts is None:
            raise NotFound(f"no camera {camera_id!r} has sent a frame or has a threshold")
        return self._status(counts, await self._thresholds.find(camera_id, await self._cards.card(camera_id)))

    async def calibrated(self, camera_id: str, threshold: Threshold) -> CameraStatus:
        """A camera whose threshold was set just now."""
        counts = (await self._counts()).get(camera_id, CameraCounts(camera_id, 0, 0, None))
        return self._status(counts, threshold)

    async def _counts(self) -> dict[str, CameraCounts]:
        seen = {counts.camera_id: counts for counts in await self._ledger.cameras()}
        for camera_id in await self._store.cameras():
            seen.setdefault(camera_id, CameraCounts(camera_id, 0, 0, None))
        return dict(sorted(seen.items()))

    def _status(self, counts: CameraCounts, threshold: Threshold) -> CameraStatus:
        return CameraStatus(
            camera_id=counts.camera_id,
            threshold=threshold,
            inspected_count=counts.inspected_count,
            defect_count=counts.defect_count,
            last_capture_time=counts.last_capture_time,
            drift=self._drift(counts.camera_id, threshold),
        )

    def _drift(self, camera_id: str, threshold: Threshold) -> ScoreDrift | None:
        """A measure of another version says nothing of the one in force."""
        found = None if self._drifts is None else self._drifts.find(camera_id)
        return found if found is not None and threshold.version in ("", found.threshold_version) else None
