"""What the page shows beside events: cameras, counts, and what works. Computed once a second, however many look."""

import asyncio
import time
from typing import Any

from inspectd.api.directory import CameraDirectory
from inspectd.api.services import Readiness
from inspectd.dashboard import views
from inspectd.events.store import EventStore

#: How old an overview may be, in seconds.
FRESH_S = 1.0


class Overview:
    """Overviews by camera filter."""

    def __init__(self, *, events: EventStore, directory: CameraDirectory, readiness: Readiness) -> None:
        self._events, self._directory, self._readiness = events, directory, readiness
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def look(self, camera_id: str = "") -> dict[str, Any]:
        """The overview with the review counts of one camera or of all. Raises Unavailable."""
        async with self._one_at_a_time:
            known = self._known.get(camera_id)
            if known is None or time.monotonic() - known[0] > FRESH_S:
                if len(self._known) > 1000:  # camera ids come from the browser
                    self._known.clear()
                known = self._known[camera_id] = (time.monotonic(), await self._compute(camera_id))
            return known[1]

    def health(self) -> dict[str, Any]:
        """Every part, and those that do not work."""
        parts = dict(self._readiness.report())
        failing = [part for part, works in parts.items() if not works]
        return {"ready": not failing, "live": self._readiness.live(), "parts": parts, "failing": failing}

    async def _compute(self, camera_id: str) -> dict[str, Any]:
        cameras, reviews = await asyncio.gather(self._directory.list_at_hand(), self._events.count(camera_id))
        return {
            "cameras": [views.camera(status) for status in cameras],
            "reviews": views.counts(reviews),
            "health": self.health(),
        }
