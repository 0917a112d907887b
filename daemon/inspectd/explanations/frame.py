"""An event's kept frame, made small, for an explainer that looks at it beside the regions. Knows no region and no word."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from inspectd.errors import NotFound, Rejected
from inspectd.evidence.store import EvidenceStore
from inspectd.frames.decode import decode_small
from inspectd.records import DefectEvent

#: Longest side of what is shown, pixels: what a full-size explainer looks at, at most.
LONGEST_PX = 512


class KeptFrames:
    """Frames out of the evidence store."""

    def __init__(self, *, evidence: EvidenceStore, max_pixels: int) -> None:
        self._evidence, self._max_pixels = evidence, max_pixels

    async def of(self, event: DefectEvent) -> NDArray[np.uint8] | None:
        """RGB [h, w, 3] of the event's frame, or None when it is gone or unreadable: words need it not. Raises Unavailable."""
        try:
            data = await self._evidence.get(event.picture.sha256)
            return await asyncio.to_thread(decode_small, data, self._max_pixels, LONGEST_PX)
        except (NotFound, Rejected):
            return None
