"""The conversations of others that a user is in, as his list shows them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, func, literal, select

from threadline.store import cursors
from threadline.store.conversations import COLUMNS, ConversationRow, escaped, row_of
from threadline.store.shares import STANDS
from threadline.store.tables import conversations, participants, shares, users
from threadline.store.transaction import Tx

Shared = tuple[ConversationRow, str, str | None]
"""A conversation, what the user is in it, and what its owner calls himself."""


def _list_query(*, after: bool, search: bool) -> Select[Any]:
    source = (
        participants.join(shares, shares.c.id == participants.c.share_id)
        .join(conversations, conversations.c.id == participants.c.conversation_id)
        .join(users, users.c.id == conversations.c.user_id)
    )
    query = (
        select(*COLUMNS, participants.c.role, users.c.name)
        .select_from(source)
        .where(participants.c.user_id == bindparam("user"), STANDS)
        .where(conversations.c.keeping == "listed", conversations.c.deleted_at.is_(None))
    )
    if after:
        query = query.where(
            conversations.c.updated_at <= bindparam("since"),
            (conversations.c.updated_at < bindparam("since")) | (conversations.c.id < bindparam("after")),
        )
    if search:
        query = query.where(func.lower(conversations.c.title).contains(bindparam("words"), escape="/"))
    return query.order_by(conversations.c.updated_at.desc(), conversations.c.id.desc()).limit(bindparam("most"))


_LISTS = {
    (after, search): _list_query(after=after, search=search) for after in (False, True) for search in (False, True)
}


_ANY = select(literal(1)).where(participants.c.user_id == bindparam("user")).limit(1)


def page(tx: Tx, user_id: str, cursor: str | None, most: int, words: str | None = None) -> list[Shared]:
    """Up to ``most`` of them, newest activity first; ``cursor`` and ``words`` are those of his own conversations."""
    if tx.conn.execute(_ANY, {"user": user_id}).first() is None:
        return []
    given: dict[str, Any] = {"user": user_id, "most": most, "at": tx.now}
    if words:
        given["words"] = escaped(words.lower())
    if cursor is not None:
        given["since"], given["after"] = cursors.decode(cursor)
    found = tx.conn.execute(_LISTS[cursor is not None, bool(words)], given).all()
    return [(row_of(row), row[-2], row[-1]) for row in found]
