"""The port for kept pictures. Content-addressed: the key is the SHA-256 of the encoded bytes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GoodFrame:
    """A kept picture of a good part."""

    camera_id: str
    sha256: str
    media_type: str
    keep_time: datetime


class EvidenceStore(Protocol):
    """Idempotent puts. A picture that a put returned for is there after a crash."""

    async def put(self, data: bytes, sha256: str, media_type: str) -> None:
        """Keeps an event's picture. Raises Unavailable."""

    async def get(self, sha256: str) -> bytes:
        """The picture's bytes, an event's or a good frame's. Raises NotFound, Unavailable."""

    async def keep_good(self, camera_id: str, data: bytes, sha256: str, media_type: str) -> None:
        """Keeps a good frame and lets the camera's oldest beyond the last K go. Raises Unavailable."""

    async def good_frames(self, camera_id: str) -> tuple[GoodFrame, ...]:
        """A camera's kept good frames, newest first."""

    async def sweep(self, now: datetime) -> int:
        """Applies retention by age and by bytes to event pictures; returns how many went."""
