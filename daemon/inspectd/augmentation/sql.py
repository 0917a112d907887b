"""Augmentation jobs in a SQL database. A lease keeps two workers from one job and frees a dead worker's."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from inspectd.convert import job_from_proto, job_to_proto
from inspectd.database import paging
from inspectd.database.dialects import insert_into
from inspectd.database.engine import Database
from inspectd.database.tables import augmentation_jobs as jobs
from inspectd.errors import Conflict, NotFound
from inspectd.records import AugmentationJob, JobState, Page
from inspectd.v1 import augmentation_service_pb2


def _now() -> datetime:
    return datetime.now(UTC)


class SqlJobStore:
    """The jobs of one database. `lease_s` has to be longer than a worker needs between two updates."""

    def __init__(self, *, database: Database, lease_s: float = 120.0, clock: Callable[[], datetime] = _now) -> None:
        self._database, self._clock = database, clock
        self._lease = timedelta(seconds=lease_s)

    async def create(self, job: AugmentationJob) -> AugmentationJob:
        """See the port."""
        return await self._database.write(lambda connection: _create(connection, job))

    async def get(self, job_id: str) -> AugmentationJob:
        """See the port."""
        return _decode(await self._database.read(lambda connection: _row(connection, job_id)))

    async def list(self, page_size: int, page_token: str = "") -> Page[AugmentationJob]:
        """See the port."""
        limit = paging.page_limit(page_size)
        statement = select(jobs).order_by(jobs.c.create_time.desc(), jobs.c.job_id.desc()).limit(limit + 1)
        if page_token:
            number, job_id = paging.decode("jobs", (), page_token, (int, str))
            time = paging.time(number)
            older = or_(jobs.c.create_time < time, and_(jobs.c.create_time == time, jobs.c.job_id < job_id))
            statement = statement.where(older)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        token = ""
        if len(rows) > limit:
            last = rows[limit - 1]
            token = paging.encode("jobs", (), [paging.microseconds(last.create_time), last.job_id])
        return Page(tuple(_decode(row) for row in rows[:limit]), token)

    async def claim(self, worker: str) -> AugmentationJob | None:
        """See the port."""
        return await self._database.write(lambda connection: self._claim(connection, worker))

    async def update(self, job: AugmentationJob, worker: str) -> AugmentationJob:
        """See the port. Raises Conflict when the lease has gone to another worker, NotFound."""
        return await self._database.write(lambda connection: self._update(connection, job, worker))

    async def cancel(self, job_id: str) -> AugmentationJob:
        """See the port."""
        return await self._database.write(lambda connection: self._cancel(connection, job_id))

    def _claim(self, connection: Connection, worker: str) -> AugmentationJob | None:
        now = self._clock()
        left_behind = and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_until < now)
        statement = (
            select(jobs)
            .where(or_(jobs.c.state == JobState.QUEUED.value, left_behind))
            .order_by(jobs.c.create_time, jobs.c.job_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        job = dataclasses.replace(_decode(row), state=JobState.RUNNING, update_time=now)
        return _store(connection, job, worker, now + self._lease)

    def _update(self, connection: Connection, job: AugmentationJob, worker: str) -> AugmentationJob:
        row = _row(connection, job.job_id, lock=True)
        there = _decode(row)
        if there.state.ended:
            return there
        if row.worker != worker:
            raise Conflict(f"job {job.job_id} is worker {row.worker}'s by now")
        now = self._clock()
        return _store(connection, dataclasses.replace(job, update_time=now), worker, now + self._lease)

    def _cancel(self, connection: Connection, job_id: str) -> AugmentationJob:
        row = _row(connection, job_id, lock=True)
        job = _decode(row)
        if job.state.ended:
            raise Conflict(f"job {job_id} has ended: {job.state.value}")
        cancelled = dataclasses.replace(job, state=JobState.CANCELLED, update_time=self._clock())
        return _store(connection, cancelled, row.worker, None)


def _create(connection: Connection, job: AugmentationJob) -> AugmentationJob:
    queued = dataclasses.replace(job, state=JobState.QUEUED)
    values = {"job_id": job.job_id, "state": queued.state.value, "create_time": job.create_time, "worker": ""}
    connection.execute(insert_into(connection, jobs).values(payload=_encode(queued), **values).on_conflict_do_nothing())
    return _decode(_row(connection, job.job_id))


def _row(connection: Connection, job_id: str, *, lock: bool = False) -> Row[Any]:
    statement = select(jobs).where(jobs.c.job_id == job_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no augmentation job {job_id}")
    return row


def _store(connection: Connection, job: AugmentationJob, worker: str, until: datetime | None) -> AugmentationJob:
    values = {"state": job.state.value, "worker": worker, "lease_until": until, "payload": _encode(job)}
    connection.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(values))
    return job


def _encode(job: AugmentationJob) -> bytes:
    return job_to_proto(job).SerializeToString(deterministic=True)


def _decode(row: Row[Any]) -> AugmentationJob:
    return job_from_proto(augmentation_service_pb2.AugmentationJob.FromString(row.payload))
