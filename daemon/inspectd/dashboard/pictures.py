"""Kept pictures for the page: as they were published, and small. Knows no event."""

import asyncio
from collections import OrderedDict

import cv2
import numpy as np

from inspectd.errors import NotFound
from inspectd.evidence.store import EvidenceStore

#: Longer side of a small picture in pixels, its JPEG quality, and how many are kept (about 20 kB each).
SMALL_PX, QUALITY, REMEMBERED = 640, 82, 400


class Pictures:
    """Reads through the evidence store; small pictures are made once."""

    def __init__(self, *, evidence: EvidenceStore) -> None:
        self._evidence = evidence
        self._small: OrderedDict[str, bytes] = OrderedDict()
        self._at_work = asyncio.Semaphore(2)  # decoding is the daemon's own business first

    async def whole(self, sha256: str) -> bytes:
        """The published bytes. Raises NotFound, Unavailable."""
        return await self._evidence.get(sha256)

    async def small(self, sha256: str) -> bytes:
        """A JPEG with its longer side at most SMALL_PX. Raises NotFound, Unavailable."""
        known = self._small.get(sha256)
        if known is not None:
            self._small.move_to_end(sha256)
            return known
        async with self._at_work:
            made = await asyncio.to_thread(_shrink, await self._evidence.get(sha256))
        self._small[sha256] = made
        if len(self._small) > REMEMBERED:
            self._small.popitem(last=False)
        return made


def _shrink(data: bytes) -> bytes:
    # The sensor's own orientation, as the masks have it.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise NotFound("the kept picture cannot be decoded any more")
    scale = SMALL_PX / max(picture.shape[:2])
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])
