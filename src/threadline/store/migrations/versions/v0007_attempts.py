"""By what the request for a response is known again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell each response what asked for it."""
    op.add_column("responses", sa.Column("request_key", sa.LargeBinary()))
    op.add_column("responses", sa.Column("request_digest", sa.LargeBinary()))
    op.add_column("responses", sa.Column("asked_at", sa.Float()))
    keyed, waiting = sa.text("request_key IS NOT NULL"), sa.text("asked_at IS NOT NULL")
    op.create_index("responses_by_key", "responses", ["request_key"], unique=True, sqlite_where=keyed)
    op.create_index("responses_waiting", "responses", ["request_digest", "asked_at"], sqlite_where=waiting)
