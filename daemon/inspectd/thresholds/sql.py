"""Thresholds in a SQL database: every calibration is a row, the newest is in force."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from inspectd.database.engine import Database
from inspectd.database.tables import thresholds
from inspectd.records import Threshold
from inspectd.thresholds.store import Calibration


class SqlThresholdStore:
    """The thresholds of one database, shared by any number of daemons."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, camera_id: str, model_version: str) -> Threshold | None:
        """See the port."""
        statement = (
            select(thresholds.c.threshold, thresholds.c.number)
            .where(thresholds.c.camera_id == camera_id, thresholds.c.model_version == model_version)
            .order_by(thresholds.c.number.desc())
            .limit(1)
        )
        row: Row[Any] | None = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Threshold(row.threshold, _version(row.number))

    async def put(self, calibration: Calibration) -> Threshold:
        """See the port."""

        def work(connection: Connection) -> int:
            statement = insert(thresholds).values(
                camera_id=calibration.camera_id,
                model_version=calibration.model_version,
                reference_version=calibration.reference_version,
                threshold=calibration.threshold,
                false_alarm_rate=calibration.false_alarm_rate,
                good_count=calibration.good_count,
                create_time=calibration.create_time,
            )
            return connection.execute(statement.returning(thresholds.c.number)).scalar_one()

        return Threshold(calibration.threshold, _version(await self._database.write(work)))

    async def cameras(self) -> tuple[str, ...]:
        """See the port."""
        statement = select(thresholds.c.camera_id).distinct()
        rows = await self._database.read(lambda connection: connection.execute(statement).scalars().all())
        return tuple(sorted(rows))  # here, not in SQL: the server's collation is not ours


def _version(number: int) -> str:
    return f"calibrated/{number}"
