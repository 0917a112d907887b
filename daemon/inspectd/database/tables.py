"""The tables as they are now. How they came to be is in `migrations`; a test holds the two together.

Times are microseconds since 1970 in 64 bits: exact, and sorted alike by SQLite and PostgreSQL.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Time(TypeDecorator[datetime]):
    """An aware time, to the microsecond; comes back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """A naive time raises TypeError: it would be read as another hour elsewhere."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = MetaData()

#: The newest revision of every event; `payload` is the serialized inspectd.v1.DefectEvent, the columns repeat what is searched.
events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("frame_id", Text, nullable=False, unique=True),
    Column("camera_id", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("first_sequence", BigInteger, nullable=False, unique=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("review_state", Text, nullable=False),
    Column("explanation_state", Text, nullable=False),
    Column("capture_time", Time, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("events_by_camera", "camera_id", "first_sequence"),
    Index("events_by_review", "review_state", "first_sequence"),
    Index("events_by_capture_time", "capture_time"),
    Index(
        "events_pending",
        "first_sequence",
        sqlite_where=text("explanation_state = 'pending'"),
        postgresql_where=text("explanation_state = 'pending'"),
    ),
)

#: Every revision in the order of its commit: what watchers read, and the outbox.
event_changes = Table(
    "event_changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text, ForeignKey("events.event_id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("commit_time", Time, nullable=False),
    UniqueConstraint("event_id", "revision"),
    Index(
        "event_changes_outbox", "sequence", sqlite_where=text("NOT published"), postgresql_where=text("NOT published")
    ),
)

#: One row: the sequence's last value, and up to where the log has been pruned. Its lock is every event writer's turn.
change_log = Table(
    "change_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("pruned_through", BigInteger, nullable=False),
)

#: The ledger: the verdict on every frame.
inspections = Table(
    "inspections",
    metadata,
    Column("frame_id", Text, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("inspect_time", Time, nullable=False),
    Column("capture_time", Time, nullable=False),
    Column("score", Float(53)),
    Column("threshold", Float(53)),
    Column("threshold_version", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("part_id", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("inspections_by_time", "inspect_time", "frame_id"),
    Index("inspections_by_camera", "camera_id", "inspect_time", "frame_id"),
    Index(
        "inspections_by_part",
        "part_id",
        "inspect_time",
        "frame_id",
        sqlite_where=text("part_id <> ''"),
        postgresql_where=text("part_id <> ''"),
    ),
    Index(
        "inspections_not_passed",
        "outcome",
        "inspect_time",
        "frame_id",
        sqlite_where=text("outcome <> 'pass'"),
        postgresql_where=text("outcome <> 'pass'"),
    ),
)

#: The ledger's sums, kept in the transaction that writes the verdicts, so that a status page reads no million rows.
camera_counts = Table(
    "camera_counts",
    metadata,
    Column("camera_id", Text, primary_key=True),
    Column("pass_count", BigInteger, nullable=False),
    Column("defect_count", BigInteger, nullable=False),
    Column("rejected_count", BigInteger, nullable=False),
    Column("dropped_count", BigInteger, nullable=False),
    Column("last_capture_time", Time),
)

#: Every calibration; the newest of a camera and model version is in force. The window and its counts belong to those from
#: reviews; `scores` are the good frames' sorted scores, or evenly spaced ones of them, as little-endian 64-bit floats.
thresholds = Table(
    "thresholds",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("reference_version", Text, nullable=False),
    Column("threshold", Float(53), nullable=False),
    Column("false_alarm_rate", Float(53), nullable=False),
    Column("good_count", Integer, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("source", Text, nullable=False, server_default="good_parts"),
    Column("replaces", Text, nullable=False, server_default=""),
    Column("restores", Text, nullable=False, server_default=""),
    Column("window_begin", Time),
    Column("window_end", Time),
    Column("passed_count", Integer),
    Column("rejected_count", Integer),
    Column("confirmed_count", Integer),
    Column("pending_count", Integer),
    Column("missed_count", Integer),
    Column("scores", LargeBinary),
    Index("thresholds_by_camera", "camera_id", "model_version", "number"),
    sqlite_autoincrement=True,
)

#: Augmentation jobs; `payload` is the serialized inspectd.v1.AugmentationJob.
augmentation_jobs = Table(
    "augmentation_jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("worker", Text, nullable=False),
    Column("lease_until", Time),
    Column("payload", LargeBinary, nullable=False),
    Index("augmentation_jobs_by_time", "create_time", "job_id"),
)

#: Regions of confirmed events by the model that saw them; `embedding` is 16-bit floats, little-endian. They go with the event.
confirmed_regions = Table(
    "confirmed_regions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("event_id", Text, ForeignKey("events.event_id", ondelete="CASCADE"), nullable=False),
    Column("region", Integer, nullable=False),
    Column("camera_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("defect_type", Text, nullable=False),
    Column("expert_type", Text, nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Index("confirmed_regions_by_event", "event_id"),
    Index("confirmed_regions_by_model", "model_version", "number"),
    UniqueConstraint("event_id", "model_version", "region"),
    sqlite_autoincrement=True,
)
