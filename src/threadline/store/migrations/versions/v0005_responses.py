"""What programs ask for in OpenAI's dialects, and the conversations that this makes, which are in nobody's list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; tell each conversation how it is kept."""
    op.create_table(
        "responses",
        sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.Float()),
    )
    op.add_column("conversations", sa.Column("keeping", sa.Text(), nullable=False, server_default=sa.text("'listed'")))
    op.drop_index("conversations_by_activity", "conversations")
    op.create_index("conversations_by_activity", "conversations", ["user_id", "keeping", "updated_at", "id"])
    passing = sa.text("keeping = 'passing'")
    op.create_index("conversations_passing", "conversations", ["updated_at"], sqlite_where=passing)
