"""Which passing frames are kept: one every few seconds per camera, so that a fast line does not fill the disk."""

import time
from collections.abc import Callable

from inspectd.evidence.store import EvidenceStore
from inspectd.records import Frame
from inspectd.settings import EvidenceSettings


class GoodFrameKeeper:
    """Keeps a camera's first passing frame and then one per interval; the store lets the oldest go."""

    def __init__(
        self, *, evidence: EvidenceStore, settings: EvidenceSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._evidence, self._settings, self._clock = evidence, settings, clock
        self._kept_at: dict[str, float] = {}

    async def offer(self, frame: Frame) -> None:
        """Raises Unavailable when it is the camera's turn and the store is away."""
        now, last = self._clock(), self._kept_at.get(frame.camera_id)
        if self._settings.good_frames_per_camera == 0:
            return
        if last is not None and now - last < self._settings.good_frame_every_s:
            return
        self._kept_at[frame.camera_id] = now
        await self._evidence.keep_good(frame.camera_id, frame.data, frame.sha256, frame.media_type)
