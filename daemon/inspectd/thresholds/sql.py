"""Thresholds in a SQL database: every calibration is a row, the newest is in force."""

import re
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from inspectd.database.engine import Database
from inspectd.database.tables import thresholds
from inspectd.errors import NotFound
from inspectd.records import Threshold
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.store import Calibration, ReviewedWindow, Source, StoredCalibration

_WINDOW = ("passed_count", "rejected_count", "confirmed_count", "pending_count", "missed_count")


class SqlThresholdStore:
    """The thresholds of one database, shared by any number of daemons."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def find(self, camera_id: str, model_version: str) -> Threshold | None:
        """See the port."""
        columns = (thresholds.c.threshold, thresholds.c.number, thresholds.c.reference_version)
        statement = _newest(select(*columns), camera_id, model_version)
        row: Row[Any] | None = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Threshold(row.threshold, _version(row.number), row.reference_version)

    async def newest(self, camera_id: str, model_version: str) -> StoredCalibration | None:
        """See the port."""
        statement = _newest(select(thresholds), camera_id, model_version)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else _stored(row)

    async def put(self, calibration: Calibration) -> Threshold:
        """See the port."""

        def work(connection: Connection) -> int:
            before = _newest(select(thresholds.c.number), calibration.camera_id, calibration.model_version)
            number = connection.execute(before).scalar_one_or_none()
            replaces = f"default/{calibration.model_version}" if number is None else _version(number)
            statement = insert(thresholds).values(replaces=replaces, **_columns(calibration))
            return connection.execute(statement.returning(thresholds.c.number)).scalar_one()

        version = _version(await self._database.write(work))
        return Threshold(calibration.threshold, version, calibration.reference_version)

    async def get(self, version: str) -> StoredCalibration:
        """See the port."""
        match = re.fullmatch(r"calibrated/([0-9]{1,9})", version, re.ASCII)
        if match is not None:
            statement = select(thresholds).where(thresholds.c.number == int(match[1]))
            row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
            if row is not None:
                return _stored(row)
        raise NotFound(f"there is no threshold version {version!r}")

    async def history(self, camera_id: str) -> tuple[StoredCalibration, ...]:
        """See the port."""
        statement = select(thresholds).where(thresholds.c.camera_id == camera_id).order_by(thresholds.c.number.desc())
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return tuple(_stored(row) for row in rows)

    async def cameras(self) -> tuple[str, ...]:
        """See the port."""
        statement = select(thresholds.c.camera_id).distinct()
        rows = await self._database.read(lambda connection: connection.execute(statement).scalars().all())
        return tuple(sorted(rows))  # here, not in SQL: the server's collation is not ours


def _version(number: int) -> str:
    return f"calibrated/{number}"


def _newest(statement: Select[Any], camera_id: str, model_version: str) -> Select[Any]:
    wanted = (thresholds.c.camera_id == camera_id, thresholds.c.model_version == model_version)
    return statement.where(*wanted).order_by(thresholds.c.number.desc()).limit(1)


def _columns(calibration: Calibration) -> dict[str, Any]:
    window, scores = calibration.window, calibration.scores
    return {
        "camera_id": calibration.camera_id,
        "model_version": calibration.model_version,
        "reference_version": calibration.reference_version,
        "threshold": calibration.threshold,
        "false_alarm_rate": calibration.false_alarm_rate,
        "good_count": calibration.good_count,
        "create_time": calibration.create_time,
        "source": calibration.source.value,
        "restores": calibration.restores,
        "window_begin": None if window is None else window.begin,
        "window_end": None if window is None else window.end,
        **{name: None if window is None else getattr(window, name) for name in _WINDOW},
        "scores": None if scores is None else scores.to_bytes(),
    }


def _stored(row: Row[Any]) -> StoredCalibration:
    window = None
    if row.window_begin is not None:
        window = ReviewedWindow(row.window_begin, row.window_end, **{name: getattr(row, name) for name in _WINDOW})
    calibration = Calibration(
        camera_id=row.camera_id,
        model_version=row.model_version,
        reference_version=row.reference_version,
        threshold=row.threshold,
        false_alarm_rate=row.false_alarm_rate,
        good_count=row.good_count,
        create_time=row.create_time,
        source=Source(row.source),
        window=window,
        restores=row.restores,
        scores=None if row.scores is None else ScoreSketch.from_bytes(row.scores, row.good_count),
    )
    return StoredCalibration(_version(row.number), row.replaces, calibration)
