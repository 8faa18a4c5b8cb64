"""Participants: who was let into whose conversation, and by which share; they are in for as long as that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select, update

from threadline.store.shares import STANDS
from threadline.store.tables import conversations, participants, shares, users
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Participant:
    """One who is in; ``role`` is observer or participant, ``name`` what he calls himself."""

    conversation_id: str
    user_id: str
    role: str
    share_id: str
    created_at: float
    name: str | None


_COLUMNS = (
    participants.c.conversation_id,
    participants.c.user_id,
    participants.c.role,
    participants.c.share_id,
    participants.c.created_at,
)
_OF_THIS = participants.c.conversation_id == bindparam("conversation")
_THIS = (_OF_THIS, participants.c.user_id == bindparam("user"))
_STANDING = participants.join(shares, shares.c.id == participants.c.share_id)
_ROLE = select(participants.c.role).select_from(_STANDING).where(*_THIS, STANDS)
_NAMED = (
    select(*_COLUMNS, users.c.name)
    .select_from(_STANDING.join(users, users.c.id == participants.c.user_id))
    .where(STANDS)
    .order_by(participants.c.created_at, participants.c.user_id)
)
_OF = _NAMED.where(_OF_THIS)
_OF_ALL = _NAMED.where(participants.c.conversation_id.in_(bindparam("ids", expanding=True)))
_IDS = (
    select(conversations.c.id)
    .select_from(_STANDING.join(conversations, conversations.c.id == participants.c.conversation_id))
    .where(participants.c.user_id == bindparam("user"), STANDS, conversations.c.deleted_at.is_(None))
)
_COUNT = select(func.count()).select_from(_STANDING).where(_OF_THIS, STANDS)
_INSERT = insert(participants)
_CHANGE = update(participants).where(*_THIS).values(role=bindparam("as_role"), share_id=bindparam("by"))
_REMOVE = delete(participants).where(*_THIS)
_BY_SHARE = select(participants.c.user_id).where(_OF_THIS, participants.c.share_id == bindparam("by"))
_IN = select(participants.c.conversation_id).where(participants.c.user_id == bindparam("to"))
_OWN = select(conversations.c.id).where(conversations.c.user_id.in_((bindparam("user"), bindparam("to"))))
_EITHER = participants.c.user_id.in_((bindparam("user"), bindparam("to")))
_REMOVE_OWNERS = delete(participants).where(_EITHER, participants.c.conversation_id.in_(_OWN))
_WRITING = (
    select(participants.c.conversation_id)
    .select_from(_STANDING)
    .where(participants.c.user_id == bindparam("user"), participants.c.role == literal("participant"), STANDS)
)
_REMOVE_WEAKER = delete(participants).where(
    participants.c.user_id == bindparam("to"),
    participants.c.role == literal("observer"),
    participants.c.conversation_id.in_(_WRITING),
)
_MOVE = (
    update(participants)
    .where(participants.c.user_id == bindparam("user"), participants.c.conversation_id.not_in(_IN))
    .values(user_id=bindparam("to"))
)
_REMOVE_ALL = delete(participants).where(participants.c.user_id == bindparam("user"))


def role_of(tx: Tx, conversation_id: str, user_id: str) -> str | None:
    """observer or participant; None for who is not in, whoever's conversation it is."""
    role: str | None = tx.conn.execute(_ROLE, {"conversation": conversation_id, "user": user_id, "at": tx.now}).scalar()
    return role


def of(tx: Tx, conversation_id: str) -> list[Participant]:
    """Who is in, in the order in which they came; the owner is not among them."""
    return [Participant(*row) for row in tx.conn.execute(_OF, {"conversation": conversation_id, "at": tx.now})]


def of_all(tx: Tx, conversation_ids: Sequence[str]) -> dict[str, list[Participant]]:
    """The same for several; those without any are left out."""
    if not conversation_ids:
        return {}
    if len(conversation_ids) == 1:
        return {conversation_ids[0]: of(tx, conversation_ids[0])}
    found: dict[str, list[Participant]] = {}
    for row in tx.conn.execute(_OF_ALL, {"ids": list(conversation_ids), "at": tx.now}):
        found.setdefault(row.conversation_id, []).append(Participant(*row))
    return found


def ids_of(tx: Tx, user_id: str) -> list[str]:
    """The conversations of others that a user is in."""
    return list(tx.conn.execute(_IDS, {"user": user_id, "at": tx.now}).scalars())


def count(tx: Tx, conversation_id: str) -> int:
    """How many are in."""
    return int(tx.conn.execute(_COUNT, {"conversation": conversation_id, "at": tx.now}).scalar_one())


def put(tx: Tx, conversation_id: str, user_id: str, role: str, share_id: str) -> None:
    """Let somebody in by a share, or from now on by this one, and as this."""
    given: dict[str, Any] = {"conversation": conversation_id, "user": user_id, "as_role": role, "by": share_id}
    if tx.conn.execute(_CHANGE, given).rowcount == 0:
        row = {"conversation_id": conversation_id, "user_id": user_id, "role": role, "share_id": share_id}
        tx.conn.execute(_INSERT, {**row, "created_at": tx.now})


def remove(tx: Tx, conversation_id: str, user_ids: Sequence[str]) -> None:
    """Let them not in any more."""
    for user_id in user_ids:
        tx.conn.execute(_REMOVE, {"conversation": conversation_id, "user": user_id})


def by_share(tx: Tx, conversation_id: str, share_id: str) -> list[str]:
    """The users who are in by this share, also where it is over."""
    return list(tx.conn.execute(_BY_SHARE, {"conversation": conversation_id, "by": share_id}).scalars())


def move(tx: Tx, user_id: str, to: str) -> None:
    """What one user is in, another is in instead of him; not where that one is in already as no less, nor in what
    either owns."""
    tx.conn.execute(_REMOVE_OWNERS, {"user": user_id, "to": to})
    tx.conn.execute(_REMOVE_WEAKER, {"user": user_id, "to": to, "at": tx.now})
    tx.conn.execute(_MOVE, {"user": user_id, "to": to})
    tx.conn.execute(_REMOVE_ALL, {"user": user_id})
