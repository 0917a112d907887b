"""Defect events in a SQL database. An event's row, its change and the sequence's step are one transaction.

Every writer first takes its turn: the lock of the one row of `change_log` (SQLite: the write lock). It is held until the
commit, so the order of the sequence is the order of the commits, on any number of daemons, and a transaction that is
taken back leaves no gap.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from inspectd.convert import event_from_proto, event_to_proto
from inspectd.database import paging
from inspectd.database.engine import Database
from inspectd.database.tables import change_log, event_changes, events
from inspectd.errors import Conflict, Expired, NotFound
from inspectd.events.store import EventQuery
from inspectd.records import Change, DefectEvent, ExplanationState, Page, ReviewState
from inspectd.v1 import defect_event_pb2

#: Ids in one statement; SQLite takes at most 32,766 parameters.
_CHUNK = 500


def _now() -> datetime:
    return datetime.now(UTC)


class SqlEventStore:
    """The events of one database, shared by any number of daemons.

    `outbox=False` is for a daemon that announces events to nobody: its changes count as published from the start.
    """

    def __init__(self, *, database: Database, outbox: bool = True, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def raise_event(self, event: DefectEvent) -> Change:
        """See the port. The first revision's `update_time` is the store's, too."""
        return await self._database.write(lambda connection: self._raise(connection, event))

    async def revise(self, event_id: str, edit: Callable[[DefectEvent], DefectEvent], *, etag: str = "") -> Change:
        """See the port. `edit` runs in the writer's thread and must be quick; one that changes nothing makes no revision."""
        return await self._database.write(lambda connection: self._revise(connection, event_id, edit, etag))

    async def get(self, event_id: str) -> DefectEvent:
        """See the port."""

        def work(connection: Connection) -> DefectEvent:
            return _decode(_row(connection, event_id).payload)

        return await self._database.read(work)

    async def list(self, query: EventQuery, page_size: int, page_token: str = "") -> Page[DefectEvent]:
        """See the port. Newest is what was raised last; events raised meanwhile never shift the following pages."""
        filters = (query.camera_id, query.review_state, query.capture_time_from, query.capture_time_before)
        limit = paging.page_limit(page_size)
        statement = _filtered(query).order_by(events.c.first_sequence.desc()).limit(limit + 1)
        if page_token:
            (before,) = paging.decode("events", filters, page_token, (int,))
            statement = statement.where(events.c.first_sequence < before)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        token = paging.encode("events", filters, [rows[limit - 1].first_sequence]) if len(rows) > limit else ""
        return Page(tuple(_decode(row.payload) for row in rows[:limit]), token)

    async def count(self, camera_id: str = "") -> Mapping[ReviewState, int]:
        """See the port. Answered from an index."""
        statement = select(events.c.review_state, func.count()).group_by(events.c.review_state)
        if camera_id:
            statement = statement.where(events.c.camera_id == camera_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {ReviewState(state): count for state, count in rows}

    async def pending(self, limit: int) -> Sequence[DefectEvent]:
        """See the port."""
        statement = (
            select(events.c.payload)
            .where(events.c.explanation_state == ExplanationState.PENDING.value)
            .order_by(events.c.first_sequence)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_decode(row.payload) for row in rows]

    async def changes(self, after: int, limit: int) -> Sequence[Change]:
        """See the port. A number above the newest raises Expired, too: it comes from another database, or from before a restore."""
        return await self._database.read(lambda connection: _changes(connection, after, limit))

    async def last_sequence(self) -> int:
        """See the port."""
        statement = select(change_log.c.last_sequence)
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one())

    async def unpublished(self, limit: int) -> Sequence[Change]:
        """See the port."""
        statement = (
            select(event_changes.c.sequence, event_changes.c.payload)
            .where(~event_changes.c.published)
            .order_by(event_changes.c.sequence)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Change(row.sequence, _decode(row.payload)) for row in rows]

    async def mark_published(self, sequences: Sequence[int]) -> None:
        """See the port. Idempotent."""
        numbers = list(sequences)

        def work(connection: Connection) -> None:
            for start in range(0, len(numbers), _CHUNK):
                chunk = numbers[start : start + _CHUNK]
                connection.execute(
                    update(event_changes).where(event_changes.c.sequence.in_(chunk)).values(published=True)
                )

        if numbers:
            await self._database.write(work)

    async def prune(self, keep: int) -> int:
        """Forgets changes (not events) older than the newest `keep`, never one that is still to be published.

        Returns how many went. `changes` raises Expired for a reader that has not seen them.
        """
        return await self._database.write(lambda connection: _prune(connection, keep))

    def _raise(self, connection: Connection, event: DefectEvent) -> Change:
        sequence = _turn(connection) + 1
        row = connection.execute(select(events).where(events.c.event_id == event.event_id)).one_or_none()
        now = self._clock()
        if row is None:
            first = dataclasses.replace(event, revision=1, update_time=now)
            connection.execute(
                insert(events).values(first_sequence=sequence, last_sequence=sequence, **_columns(first))
            )
            return self._append(connection, sequence, first, now)
        there = _decode(row.payload)
        if there.model_version == event.model_version:
            return Change(row.last_sequence, there)
        fresh = dataclasses.replace(
            event, revision=there.revision + 1, raise_time=there.raise_time, update_time=now, review=there.review
        )
        return self._store(connection, sequence, fresh, now)

    def _revise(
        self, connection: Connection, event_id: str, edit: Callable[[DefectEvent], DefectEvent], etag: str
    ) -> Change:
        sequence = _turn(connection) + 1
        row = _row(connection, event_id)
        there = _decode(row.payload)
        if etag and etag != there.etag:
            raise Conflict(f"event {event_id} is at revision {there.revision} by now", stale=True)
        edited = edit(there)
        if (edited.event_id, edited.frame_id) != (there.event_id, there.frame_id):
            raise ValueError(f"an edit of event {event_id} made it another event")
        now = self._clock()
        if edited == there:
            return Change(row.last_sequence, there)
        return self._store(
            connection, sequence, dataclasses.replace(edited, revision=there.revision + 1, update_time=now), now
        )

    def _store(self, connection: Connection, sequence: int, event: DefectEvent, now: datetime) -> Change:
        columns = _columns(event)
        connection.execute(
            update(events).where(events.c.event_id == event.event_id).values(last_sequence=sequence, **columns)
        )
        return self._append(connection, sequence, event, now)

    def _append(self, connection: Connection, sequence: int, event: DefectEvent, now: datetime) -> Change:
        connection.execute(
            insert(event_changes).values(
                sequence=sequence,
                event_id=event.event_id,
                revision=event.revision,
                payload=_encode(event),
                published=not self._outbox,
                commit_time=now,
            )
        )
        connection.execute(update(change_log).values(last_sequence=sequence))
        return Change(sequence, event)


def _turn(connection: Connection) -> int:
    """Waits for this writer's turn; the sequence's last value, which stays the last until this transaction ends."""
    return connection.execute(select(change_log.c.last_sequence).with_for_update()).scalar_one()


def _row(connection: Connection, event_id: str) -> Row[Any]:
    row = connection.execute(select(events).where(events.c.event_id == event_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    return row


def _columns(event: DefectEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "frame_id": event.frame_id,
        "camera_id": event.camera_id,
        "revision": event.revision,
        "model_version": event.model_version,
        "review_state": event.review.state.value,
        "explanation_state": event.explanation.state.value,
        "capture_time": event.capture_time,
        "payload": _encode(event),
    }


def _encode(event: DefectEvent) -> bytes:
    return event_to_proto(event).SerializeToString(deterministic=True)


def _decode(payload: bytes) -> DefectEvent:
    return event_from_proto(defect_event_pb2.DefectEvent.FromString(payload))


def _filtered(query: EventQuery) -> Select[Any]:
    statement = select(events.c.first_sequence, events.c.payload)
    if query.camera_id:
        statement = statement.where(events.c.camera_id == query.camera_id)
    if query.review_state is not None:
        statement = statement.where(events.c.review_state == query.review_state.value)
    if query.capture_time_from is not None:
        statement = statement.where(events.c.capture_time >= query.capture_time_from)
    if query.capture_time_before is not None:
        statement = statement.where(events.c.capture_time < query.capture_time_before)
    return statement


def _changes(connection: Connection, after: int, limit: int) -> list[Change]:
    statement = (
        select(event_changes.c.sequence, event_changes.c.payload)
        .where(event_changes.c.sequence > after)
        .order_by(event_changes.c.sequence)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    # Read after the rows: a prune in between is then noticed instead of passing for a gap.
    log = connection.execute(select(change_log)).one()
    if after < log.pruned_through:
        raise Expired(f"changes up to {log.pruned_through} are no longer kept; {after} was the last one seen")
    if after > log.last_sequence:
        raise Expired(f"the newest change is {log.last_sequence}; {after} belongs to another log")
    return [Change(row.sequence, _decode(row.payload)) for row in rows]


def _prune(connection: Connection, keep: int) -> int:
    last = _turn(connection)
    waiting = connection.execute(
        select(func.min(event_changes.c.sequence)).where(~event_changes.c.published)
    ).scalar_one()
    through = last - keep if waiting is None else min(last - keep, waiting - 1)
    if through <= connection.execute(select(change_log.c.pruned_through)).scalar_one():
        return 0
    gone = connection.execute(delete(event_changes).where(event_changes.c.sequence <= through)).rowcount
    connection.execute(update(change_log).values(pruned_through=through))
    return gone
