"""The ledger's sums by camera, kept in the transaction that writes the verdicts."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, case, literal, or_, select, update

from inspectd.database.dialects import insert_into
from inspectd.database.tables import Time, camera_counts
from inspectd.records import Inspection, Outcome

_COUNTS = {outcome: camera_counts.c[f"{outcome.value}_count"] for outcome in Outcome}


def lock_counts(connection: Connection, cameras: Collection[str]) -> None:
    """Makes and locks the cameras' rows, in one order everywhere, so that two daemons never wait for each other."""
    ordered = sorted(cameras)
    empty = {column.name: 0 for column in _COUNTS.values()}
    connection.execute(
        insert_into(connection, camera_counts).on_conflict_do_nothing(),
        [{"camera_id": camera, **empty} for camera in ordered],
    )
    rows = select(camera_counts.c.camera_id).where(camera_counts.c.camera_id.in_(ordered))
    connection.execute(rows.order_by(camera_counts.c.camera_id).with_for_update()).all()


def add_counts(connection: Connection, fresh: Sequence[Inspection], replaced: Sequence[tuple[str, Outcome]]) -> None:
    """Adds new verdicts and takes away those that they replace, given as (camera, outcome)."""
    sums = Counter((inspection.camera_id, inspection.outcome) for inspection in fresh)
    sums.subtract(replaced)
    newest: dict[str, datetime] = {}
    for inspection in fresh:
        camera = inspection.camera_id
        newest[camera] = max(newest.get(camera, inspection.capture_time), inspection.capture_time)
    for camera in sorted({camera for camera, _ in sums}):
        values = {
            column: column + sums[camera, outcome] for outcome, column in _COUNTS.items() if sums[camera, outcome]
        }
        statement = update(camera_counts).where(camera_counts.c.camera_id == camera)
        if camera in newest:
            last = camera_counts.c.last_capture_time
            seen = literal(newest[camera], Time())
            values[last] = case((or_(last.is_(None), last < seen), seen), else_=last)
        if values:
            connection.execute(statement.values(values))
