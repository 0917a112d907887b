"""The ledger in a SQL database. Verdicts are written in batches: those that come while one is being written form the next."""

import asyncio
import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, or_, select

from inspectd.database import paging
from inspectd.database.dialects import insert_into
from inspectd.database.engine import Database
from inspectd.database.tables import camera_counts, inspections
from inspectd.errors import Conflict, InspectdError, NotFound, Rejected, Unavailable
from inspectd.inspections.counts import add_counts, lock_counts
from inspectd.inspections.ledger import CameraCounts, InspectionQuery
from inspectd.records import Inspection, Outcome, Page

#: Verdicts in one transaction.
MAX_BATCH = 500
#: Old verdicts removed in one transaction, so that new ones never wait long for their turn.
PRUNED_AT_ONCE = 2000

_COLUMNS = tuple(field.name for field in dataclasses.fields(Inspection))


class SqlInspectionLedger:
    """The verdicts of one database, shared by any number of daemons.

    A frame that is recorded again keeps the verdict with the later `inspect_time`.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Inspection, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def record(self, inspection: Inspection) -> None:
        """See the port. As many verdicts wait as callers do, so the callers are the bound."""
        if self._closed:
            raise Unavailable("the ledger is closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((inspection, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="ledger")
        await done

    async def close(self) -> None:
        """See the port. The database stays open: it is the caller's."""
        self._closed = True
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[Inspection, asyncio.Future[None]]]) -> None:
        newest = {inspection.frame_id: inspection for inspection, _ in batch}
        error: BaseException | None = None
        try:
            await self._database.write(lambda connection: _write(connection, newest))
        except (Rejected, Conflict) as refusal:
            if len(batch) > 1:  # one of them is to blame, and only that one shall hear of it
                for entry in batch:
                    await self._write_batch([entry])
                return
            error = refusal
        except (InspectdError, asyncio.CancelledError) as failure:
            error = failure
        except Exception as mistake:  # ours; every waiting caller has to see it, or it would wait for ever
            error = mistake
        for _, done in batch:
            if done.done():  # its caller was cancelled
                continue
            if error is None:
                done.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                done.cancel()
            else:
                done.set_exception(error)
        if isinstance(error, asyncio.CancelledError):
            raise error

    async def prune(self, before: datetime) -> int:
        """Removes verdicts with an earlier `inspect_time`; counts stay. Returns how many went. Raises Unavailable."""
        gone = 0
        while (now := await self._database.write(lambda connection: _prune(connection, before))) > 0:
            gone += now
        return gone

    async def get(self, frame_id: str) -> Inspection:
        """See the port."""
        statement = select(inspections).where(inspections.c.frame_id == frame_id)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            raise NotFound(f"there is no verdict on frame {frame_id}")
        return _inspection(row)

    async def list(self, query: InspectionQuery, page_size: int, page_token: str = "") -> Page[Inspection]:
        """See the port. Newest is the latest `inspect_time`."""
        filters = (query.camera_id, query.part_id, query.outcome)
        limit = paging.page_limit(page_size)
        statement = _filtered(query)
        if page_token:
            statement = statement.where(_older(*paging.decode("inspections", filters, page_token, (int, str))))
        rows = await self._database.read(lambda connection: connection.execute(statement.limit(limit + 1)).all())
        token = ""
        if len(rows) > limit:
            last = rows[limit - 1]
            token = paging.encode("inspections", filters, [paging.microseconds(last.inspect_time), last.frame_id])
        return Page(tuple(_inspection(row) for row in rows[:limit]), token)

    async def cameras(self) -> tuple[CameraCounts, ...]:
        """See the port. Inspected are frames that a model has seen: passed or defective."""
        statement = select(camera_counts).order_by(camera_counts.c.camera_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return tuple(
            CameraCounts(row.camera_id, row.pass_count + row.defect_count, row.defect_count, row.last_capture_time)
            for row in rows
        )

    async def count(self) -> dict[Outcome, int]:
        """See the port."""
        rows = await self._database.read(lambda connection: connection.execute(select(camera_counts)).all())
        return {outcome: sum(getattr(row, f"{outcome.value}_count") for row in rows) for outcome in Outcome}


def _write(connection: Connection, batch: Mapping[str, Inspection]) -> None:
    """Counts first: their lock makes the look at what is there already hold until the commit."""
    lock_counts(connection, {inspection.camera_id for inspection in batch.values()})
    there = connection.execute(
        select(
            inspections.c.frame_id, inspections.c.camera_id, inspections.c.outcome, inspections.c.inspect_time
        ).where(inspections.c.frame_id.in_(list(batch)))
    ).all()
    old = {row.frame_id: row for row in there}
    fresh = [
        batch[frame_id]
        for frame_id in sorted(batch)
        if frame_id not in old or batch[frame_id].inspect_time >= old[frame_id].inspect_time
    ]
    if not fresh:
        return
    upsert = insert_into(connection, inspections)
    newer = {name: upsert.excluded[name] for name in _COLUMNS if name != "frame_id"}
    upsert = upsert.on_conflict_do_update(index_elements=["frame_id"], set_=newer)
    connection.execute(upsert, [_row(item) for item in fresh])
    replaced = [old[item.frame_id] for item in fresh if item.frame_id in old]
    add_counts(connection, fresh, [(row.camera_id, Outcome(row.outcome)) for row in replaced])


def _prune(connection: Connection, before: datetime) -> int:
    oldest = (
        select(inspections.c.frame_id)
        .where(inspections.c.inspect_time < before)
        .order_by(inspections.c.inspect_time, inspections.c.frame_id)
        .limit(PRUNED_AT_ONCE)
    )
    return connection.execute(delete(inspections).where(inspections.c.frame_id.in_(oldest))).rowcount


def _row(inspection: Inspection) -> dict[str, Any]:
    values = {name: getattr(inspection, name) for name in _COLUMNS}
    values["outcome"] = inspection.outcome.value
    return values


def _inspection(row: Row[Any]) -> Inspection:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values["outcome"] = Outcome(row.outcome)
    return Inspection(**values)


def _filtered(query: InspectionQuery) -> Select[Any]:
    statement = select(inspections).order_by(inspections.c.inspect_time.desc(), inspections.c.frame_id.desc())
    if query.camera_id:
        statement = statement.where(inspections.c.camera_id == query.camera_id)
    if query.part_id:
        statement = statement.where(inspections.c.part_id == query.part_id)
    if query.outcome is not None:
        statement = statement.where(inspections.c.outcome == query.outcome.value)
    return statement


def _older(microseconds: int, frame_id: str) -> ColumnElement[bool]:
    time = paging.time(microseconds)
    return or_(
        inspections.c.inspect_time < time,
        and_(inspections.c.inspect_time == time, inspections.c.frame_id < frame_id),
    )
