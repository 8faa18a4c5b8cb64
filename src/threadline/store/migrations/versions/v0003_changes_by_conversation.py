"""Changes by the conversation whose words they hold; those of conversations that are deleted lose them."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 1000

_changes = sa.table("changes", sa.column("user_id"), sa.column("seq"), sa.column("event"), sa.column("conversation_id"))
_conversations = sa.table("conversations", sa.column("id"), sa.column("deleted_at"))


def upgrade() -> None:
    """Add the column, fill it in, and forget what should have been forgotten."""
    op.add_column("changes", sa.Column("conversation_id", sa.Text()))
    _fill()
    op.create_index(
        "changes_by_conversation",
        "changes",
        ["conversation_id"],
        sqlite_where=sa.text("conversation_id IS NOT NULL"),
    )
    living = sa.select(_conversations.c.id).where(_conversations.c.deleted_at.is_(None))
    op.get_bind().execute(
        sa.update(_changes)
        .where(_changes.c.conversation_id.is_not(None), _changes.c.conversation_id.not_in(living))
        .values(event='{"type":"forgotten"}', conversation_id=None)
    )


def _fill() -> None:
    conn = op.get_bind()
    place = sa.tuple_(_changes.c.user_id, _changes.c.seq)
    rows = sa.select(_changes.c.user_id, _changes.c.seq, _changes.c.event).order_by(*place).limit(_AT_ONCE)
    fill = (
        sa.update(_changes)
        .where(_changes.c.user_id == sa.bindparam("user"), _changes.c.seq == sa.bindparam("at"))
        .values(conversation_id=sa.bindparam("found"))
    )
    found = conn.execute(rows).all()
    while found:
        named = [{"user": row.user_id, "at": row.seq, "found": _worded(orjson.loads(row.event))} for row in found]
        if named := [row for row in named if row["found"] is not None]:
            conn.execute(fill, named)
        found = conn.execute(rows.where(place > (found[-1].user_id, found[-1].seq))).all()


def _worded(event: dict[str, Any]) -> str | None:
    if "conversation" in event:
        return str(event["conversation"]["id"])
    return event.get("conversation_id")
