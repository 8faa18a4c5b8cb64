"""Shares: the links by which others come to a conversation; of what is in a link only its sha256 is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select

from threadline.store.tables import conversations, shares
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One link: who comes by it gets ``role``, observer or participant. ``email`` None: whoever has it may come. Times
    are Unix seconds; ``expires_at`` None: it stands until it is revoked."""

    id: str
    conversation_id: str
    role: str
    email: str | None
    created_at: float
    expires_at: float | None


COLUMNS = (
    shares.c.id,
    shares.c.conversation_id,
    shares.c.role,
    shares.c.email,
    shares.c.created_at,
    shares.c.expires_at,
)
STANDS = shares.c.expires_at.is_(None) | (shares.c.expires_at > bindparam("at"))
"""Whether a share is not over at the time ``at``; one that was revoked is not there."""

_OF_THIS = shares.c.conversation_id == bindparam("conversation")
_INSERT = insert(shares)
_BY_TOKEN = (
    select(*COLUMNS)
    .join(conversations, conversations.c.id == shares.c.conversation_id)
    .where(shares.c.token_hash == bindparam("hash"), STANDS, conversations.c.deleted_at.is_(None))
)
_GET = select(*COLUMNS).where(shares.c.id == bindparam("share"), _OF_THIS)
_OF = select(*COLUMNS).where(_OF_THIS, STANDS).order_by(shares.c.created_at.desc(), shares.c.id.desc())
_OPEN = select(*COLUMNS).where(_OF_THIS, shares.c.email.is_(None))
_COUNT = select(func.count()).where(_OF_THIS)
_OVER = select(*COLUMNS).where(shares.c.expires_at <= bindparam("at")).limit(bindparam("most"))
_REMOVE = delete(shares).where(shares.c.id == bindparam("share"))


def add(
    tx: Tx, conversation_id: str, role: str, token_hash: bytes, email: str | None, expires_at: float | None
) -> ShareRow:
    """Make a link."""
    row = ShareRow(tx.new_id("shr"), conversation_id, role, email, tx.now, expires_at)
    tx.conn.execute(
        _INSERT,
        {
            "id": row.id,
            "conversation_id": conversation_id,
            "role": role,
            "token_hash": token_hash,
            "email": email,
            "created_at": row.created_at,
            "expires_at": expires_at,
        },
    )
    return row


def by_token(tx: Tx, token_hash: bytes) -> ShareRow | None:
    """The share of what is in a link, while it stands and its conversation is there."""
    row = tx.conn.execute(_BY_TOKEN, {"hash": token_hash, "at": tx.now}).first()
    return ShareRow(*row) if row else None


def get(tx: Tx, conversation_id: str, share_id: str) -> ShareRow | None:
    """A share of this conversation, also one whose time is over."""
    row = tx.conn.execute(_GET, {"conversation": conversation_id, "share": share_id}).first()
    return ShareRow(*row) if row else None


def of(tx: Tx, conversation_id: str) -> list[ShareRow]:
    """A conversation's shares that stand, the newest first."""
    return [ShareRow(*row) for row in tx.conn.execute(_OF, {"conversation": conversation_id, "at": tx.now})]


def open_to_all(tx: Tx, conversation_id: str) -> list[ShareRow]:
    """Those of a conversation that are good for whoever has them."""
    return [ShareRow(*row) for row in tx.conn.execute(_OPEN, {"conversation": conversation_id})]


def count(tx: Tx, conversation_id: str) -> int:
    """How many a conversation has."""
    return int(tx.conn.execute(_COUNT, {"conversation": conversation_id}).scalar_one())


def over(tx: Tx, most: int) -> list[ShareRow]:
    """Some whose time is over."""
    return [ShareRow(*row) for row in tx.conn.execute(_OVER, {"at": tx.now, "most": most})]


def remove(tx: Tx, share_id: str) -> None:
    """Revoke a share. Those who came by it are not in any more, though their rows stay."""
    tx.conn.execute(_REMOVE, {"share": share_id})
