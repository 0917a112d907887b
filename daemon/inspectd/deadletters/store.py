"""The port for frames that cannot be inspected: the original bytes and why."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inspectd.frames.source import FrameRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record with the reason it was refused; `position` finds it again (`partition:offset`, or a file name)."""

    record: FrameRecord
    reason: str
    detail: str
    position: str
    refuse_time: datetime


class DeadLetterStore(Protocol):
    """Append only, but for retention. Records may repeat after a restart."""

    async def put(self, record: FrameRecord, reason: str, detail: str) -> None:
        """Keeps a record; returns when it is safe. Raises Unavailable."""

    def read(self) -> AsyncIterator[DeadLetter]:
        """Every dead letter kept now, oldest first. Raises Unavailable."""

    async def sweep(self, now: datetime) -> int:
        """Applies retention, unless the store does so by itself; returns how many letters went. Raises Unavailable."""
