"""The first tables. A migration is history: it spells the tables out and never reads `inspectd.database.tables`."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Events with their change log, the ledger, thresholds, jobs."""
    _create_events()
    _create_ledger()
    _create_thresholds_and_jobs()


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("frame_id", sa.Text, nullable=False, unique=True),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("first_sequence", sa.BigInteger, nullable=False, unique=True),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("review_state", sa.Text, nullable=False),
        sa.Column("explanation_state", sa.Text, nullable=False),
        sa.Column("capture_time", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_index("events_by_camera", "events", ["camera_id", "first_sequence"])
    op.create_index("events_by_review", "events", ["review_state", "first_sequence"])
    op.create_index("events_by_capture_time", "events", ["capture_time"])
    op.create_index("events_pending", "events", ["first_sequence"], **_where("explanation_state = 'pending'"))
    op.create_table(
        "event_changes",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, sa.ForeignKey("events.event_id"), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("commit_time", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("event_id", "revision"),
    )
    op.create_index("event_changes_outbox", "event_changes", ["sequence"], **_where("NOT published"))
    log = op.create_table(
        "change_log",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("pruned_through", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(log, [{"id": 1, "last_sequence": 0, "pruned_through": 0}])


def _create_ledger() -> None:
    op.create_table(
        "inspections",
        sa.Column("frame_id", sa.Text, primary_key=True),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("inspect_time", sa.BigInteger, nullable=False),
        sa.Column("capture_time", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float(53)),
        sa.Column("threshold", sa.Float(53)),
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("threshold_version", "model_version", "part_id", "lot", "event_id", "reason")
        ],
    )
    newest = ["inspect_time", "frame_id"]
    op.create_index("inspections_by_time", "inspections", newest)
    op.create_index("inspections_by_camera", "inspections", ["camera_id", *newest])
    op.create_index("inspections_by_part", "inspections", ["part_id", *newest], **_where("part_id <> ''"))
    op.create_index("inspections_not_passed", "inspections", ["outcome", *newest], **_where("outcome <> 'pass'"))
    op.create_table(
        "camera_counts",
        sa.Column("camera_id", sa.Text, primary_key=True),
        *[
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("pass_count", "defect_count", "rejected_count", "dropped_count")
        ],
        sa.Column("last_capture_time", sa.BigInteger),
    )


def _create_thresholds_and_jobs() -> None:
    op.create_table(
        "thresholds",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("reference_version", sa.Text, nullable=False),
        sa.Column("threshold", sa.Float(53), nullable=False),
        sa.Column("false_alarm_rate", sa.Float(53), nullable=False),
        sa.Column("good_count", sa.Integer, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("thresholds_by_camera", "thresholds", ["camera_id", "model_version", "number"])
    op.create_table(
        "augmentation_jobs",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_index("augmentation_jobs_by_time", "augmentation_jobs", ["create_time", "job_id"])
