"""Ownership: whose everything is, when a guest turns out to be somebody, and when somebody goes for good."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, or_, select, update

from threadline.store.subscriptions import TOPIC
from threadline.store.tables import (
    admissions,
    changes,
    conversations,
    entitlements,
    identities,
    keys,
    logins,
    messages,
    participants,
    runs,
    sessions,
    spending,
    subscriptions,
    tokens,
)
from threadline.store.transaction import Tx

_HIS: Final = (
    admissions,
    changes,
    identities,
    keys,
    logins,
    participants,
    sessions,
    spending,
    subscriptions,
    tokens,
)
_TAKE_AWAY: Final = (
    *(delete(table).where(table.c.user_id == bindparam("user")) for table in _HIS),
    delete(entitlements).where(entitlements.c.subject == bindparam("user")),
)
_LEADS_OUT: Final = (
    delete(subscriptions).where(subscriptions.c.user_id == bindparam("user")),
    delete(keys).where(keys.c.user_id == bindparam("user"), keys.c.base_url.is_not(None)),
)
_ALL = select(conversations.c.id).where(conversations.c.user_id == bindparam("user"))
# By their conversations, which an index finds: those go last.
_MOVE: Final = (
    update(runs).where(runs.c.conversation_id.in_(_ALL)).values(user_id=bindparam("to")),
    *(
        update(column.table).where(column == bindparam("user")).values({column: bindparam("to")})
        for column in (runs.c.author_id, messages.c.author_id, conversations.c.user_id)
    ),
)
_LIVING = select(conversations.c.id).where(
    conversations.c.user_id == bindparam("user"), conversations.c.deleted_at.is_(None)
)
_STOP = (
    update(runs)
    .where(
        or_(runs.c.author_id == bindparam("user"), runs.c.user_id == bindparam("user")),
        runs.c.status.in_(("queued", "running")),
        runs.c.cancel.is_(None),
    )
    .values(cancel="stopped")
    .returning(runs.c.id)
)


def move(tx: Tx, user_id: str, to: str) -> None:
    """Give conversations, runs and what was said there to another user, also what is being written."""
    for statement in _MOVE:
        tx.conn.execute(statement, {"user": user_id, "to": to})


def cut_off(tx: Tx, user_id: str) -> None:
    """Remove what sends a user's words to addresses that somebody has written here: his subscriptions, and his keys for
    addresses of their own."""
    for statement in _LEADS_OUT:
        tx.conn.execute(statement, {"user": user_id})
    tx.poke(TOPIC)


def take_away(tx: Tx, user_id: str) -> None:
    """Remove all that a user has beside his conversations, and ask his answers to end, also those in conversations of
    others."""
    for statement in _TAKE_AWAY:
        tx.conn.execute(statement, {"user": user_id})
    tx.poke(TOPIC)
    stop_answers(tx, user_id)


def stop_answers(tx: Tx, user_id: str) -> None:
    """Ask a user's answers to end, and all that are written in his conversations."""
    if tx.conn.execute(_STOP, {"user": user_id}).scalars().all():
        tx.poke("stops")
        tx.poke("runs")


def living(tx: Tx, user_id: str) -> list[str]:
    """The ids of all of a user's conversations that are not deleted, in a list or not."""
    return list(tx.conn.execute(_LIVING, {"user": user_id}).scalars())


def left(tx: Tx, user_id: str) -> list[str]:
    """The ids of all of a user's conversations of which anything is there."""
    return list(tx.conn.execute(_ALL, {"user": user_id}).scalars())
