"""The port for defect events. An event's new state and its place in the change log are one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inspectd.records import Change, DefectEvent, Page, ReviewState


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Filters of a listing; None and empty mean any."""

    camera_id: str = ""
    review_state: ReviewState | None = None
    capture_time_from: datetime | None = None
    capture_time_before: datetime | None = None


class EventStore(Protocol):
    """The change log's sequence has no gaps and follows the order of commits: a reader that has seen n has seen all below n."""

    async def raise_event(self, event: DefectEvent) -> Change:
        """Stores a new event at revision 1, or returns the newest change of the one that is there.

        Idempotent by event id; the same frame under another model version becomes a new revision that keeps the review.
        Raises Unavailable.
        """

    async def revise(self, event_id: str, edit: Callable[[DefectEvent], DefectEvent], *, etag: str = "") -> Change:
        """Applies `edit` to the newest revision in one transaction; revision and update_time are the store's to set.

        Raises NotFound; Conflict(stale=True) when `etag` is given and is not the newest.
        """

    async def get(self, event_id: str) -> DefectEvent:
        """The newest revision. Raises NotFound."""

    async def list(self, query: EventQuery, page_size: int, page_token: str = "") -> Page[DefectEvent]:
        """Newest first. Raises Rejected(field="page_token") for a token that is not one."""

    async def count(self, camera_id: str = "") -> Mapping[ReviewState, int]:
        """Events by review state, of one camera or of all; a state without events may be absent."""

    async def pending(self, limit: int) -> Sequence[DefectEvent]:
        """Events whose explanation is pending, oldest first: what a restart has to take up again."""

    async def changes(self, after: int, limit: int) -> Sequence[Change]:
        """Changes with a sequence above `after`, in order. Raises Expired when some of them are no longer kept."""

    async def last_sequence(self) -> int:
        """The newest change's sequence; 0 when there is none."""

    async def unpublished(self, limit: int) -> Sequence[Change]:
        """The outbox: changes that nobody has acknowledged yet, in order."""

    async def mark_published(self, sequences: Sequence[int]) -> None:
        """Takes changes out of the outbox."""


class EventPublisher(Protocol):
    """Where changes are announced to the world outside."""

    async def publish(self, changes: Sequence[Change]) -> None:
        """Returns when every change is acknowledged, in order per camera. May repeat a change.

        Raises Unavailable, and Rejected when one of them is refused for good; the others may have been announced.
        """

    async def close(self) -> None:
        """Lets go of the connection."""
