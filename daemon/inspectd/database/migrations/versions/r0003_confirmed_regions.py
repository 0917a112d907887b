"""Regions of confirmed events, so that later events can be compared with them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table; events that were confirmed before are remembered by the daemon when it starts."""
    op.create_table(
        "confirmed_regions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.Text, sa.ForeignKey("events.event_id", ondelete="CASCADE"), nullable=False),
        sa.Column("region", sa.Integer, nullable=False),
        sa.Column("camera_id", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("defect_type", sa.Text, nullable=False),
        sa.Column("expert_type", sa.Text, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("event_id", "model_version", "region"),
        sqlite_autoincrement=True,
    )
    op.create_index("confirmed_regions_by_event", "confirmed_regions", ["event_id"])
    op.create_index("confirmed_regions_by_model", "confirmed_regions", ["model_version", "number"])
