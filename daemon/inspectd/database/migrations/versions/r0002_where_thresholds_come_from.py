"""Every threshold says where it comes from, which version it replaces, and which scores its good frames had."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns only; the thresholds that are there came from good parts, and their scores are not known."""
    op.add_column("thresholds", sa.Column("source", sa.Text, nullable=False, server_default="good_parts"))
    for name in ("replaces", "restores"):
        op.add_column("thresholds", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("window_begin", "window_end"):
        op.add_column("thresholds", sa.Column(name, sa.BigInteger))
    for name in ("passed_count", "rejected_count", "confirmed_count", "pending_count", "missed_count"):
        op.add_column("thresholds", sa.Column(name, sa.Integer))
    op.add_column("thresholds", sa.Column("scores", sa.LargeBinary))
