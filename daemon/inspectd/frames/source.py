"""The port that frames come through. A record is as it came off the wire; `frames.codec` reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One undecoded record: what Kafka carries, and what direct sources imitate."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: datetime  # aware, UTC: the record's own
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record handed out once; `generation` fences deliveries of partitions that were lost meanwhile."""

    record: FrameRecord
    generation: int = 0


class FrameSource(Protocol):
    """Hands out records in order per partition. At-least-once: what is not acknowledged comes again after a restart."""

    async def open(self) -> None:
        """Starts receiving. Raises Misconfigured or Unavailable."""

    async def receive(self) -> Delivery | None:
        """The next record, waiting for it; None when the source has ended (a Kafka source never does)."""

    def acknowledge(self, delivery: Delivery) -> None:
        """Marks a record as finished. Idempotent, any order; only a contiguous prefix is committed."""

    @property
    def ready(self) -> bool:
        """Whether records can flow now (partitions are assigned)."""

    async def close(self) -> None:
        """Commits what is finished and stops."""
