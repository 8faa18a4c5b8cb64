"""Runs that a program outside writes, each with a time-out of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell each run who writes it."""
    op.add_column("runs", sa.Column("kind", sa.Text(), nullable=False, server_default=sa.text("'model'")))
    op.add_column("runs", sa.Column("lease_seconds", sa.Float()))
    op.add_column("runs", sa.Column("open_key", sa.Text()))
    keyed = sa.text("open_key IS NOT NULL")
    op.create_index("runs_by_open_key", "runs", ["user_id", "open_key"], sqlite_where=keyed)
