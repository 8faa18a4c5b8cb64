"""Subscriptions to streams."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text()),
        sa.Column("webhook_url", sa.Text()),
        sa.Column("wake_stream", sa.Text()),
        sa.Column("lease_ms", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'active'")),
        sa.Column("generation", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("wake_id", sa.Text()),
        sa.Column("holder", sa.Text()),
        sa.Column("lease_until", sa.Float()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", sa.Float()),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("subscriptions_by_name", "subscriptions", ["user_id", "name"], unique=True)
    waiting, leased = sa.text("next_attempt_at IS NOT NULL"), sa.text("lease_until IS NOT NULL")
    op.create_index("subscriptions_by_attempt", "subscriptions", ["next_attempt_at"], sqlite_where=waiting)
    op.create_index("subscriptions_by_lease", "subscriptions", ["lease_until"], sqlite_where=leased)
    op.create_table(
        "subscription_streams",
        sa.Column(
            "subscription_id", sa.Text(), sa.ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("path", sa.Text(), primary_key=True),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("glob", sa.Boolean(), nullable=False),
        sa.Column("acked", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.BigInteger()),
        sa.Column("born", sa.Float()),
    )
