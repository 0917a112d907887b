"""The ports of the ledger: writing verdicts, and reading them back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inspectd.records import Inspection, Outcome, Page


class InspectionSink(Protocol):
    """Takes verdicts. Idempotent by frame id."""

    async def record(self, inspection: Inspection) -> None:
        """Returns when the verdict is safe. Raises Unavailable."""

    async def close(self) -> None:
        """Writes what is buffered."""


@dataclass(frozen=True, slots=True)
class InspectionQuery:
    """Filters of a listing; None and empty mean any."""

    camera_id: str = ""
    part_id: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """What the ledger knows of one camera."""

    camera_id: str
    inspected_count: int
    defect_count: int
    last_capture_time: datetime | None


class InspectionLedger(InspectionSink, Protocol):
    """A sink that can be read."""

    async def get(self, frame_id: str) -> Inspection:
        """Raises NotFound."""

    async def list(self, query: InspectionQuery, page_size: int, page_token: str = "") -> Page[Inspection]:
        """Newest first. Raises Rejected(field="page_token") for a token that is not one."""

    async def cameras(self) -> tuple[CameraCounts, ...]:
        """Every camera with a verdict, by id."""

    async def count(self) -> dict[Outcome, int]:
        """Distinct frames by outcome."""
