"""Sessions: which cookie speaks for which user; of a token only its sha256 is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from threadline.store.tables import sessions, users
from threadline.store.transaction import Tx
from threadline.store.users import COLUMNS as USER_COLUMNS
from threadline.store.users import UserRow


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One signed-in place; times are Unix seconds. ``agent`` is what the browser calls itself, ``address`` from where
    it was opened."""

    id: str
    user_id: str
    created_at: float
    seen_at: float
    expires_at: float
    agent: str | None = None
    address: str | None = None


_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.created_at,
    sessions.c.seen_at,
    sessions.c.expires_at,
    sessions.c.agent,
    sessions.c.address,
)
_INSERT = insert(sessions)
_BY_TOKEN = (
    select(*_COLUMNS, *USER_COLUMNS)
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        sessions.c.token_hash == bindparam("hash"),
        sessions.c.expires_at > bindparam("at"),
        users.c.disabled_at.is_(None),
    )
)
_OF_USER = (
    select(*_COLUMNS)
    .where(sessions.c.user_id == bindparam("user"), sessions.c.expires_at > bindparam("at"))
    .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
)
_SEEN = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"))
    .values(seen_at=bindparam("at"), expires_at=bindparam("until"))
)
_REMOVE = delete(sessions).where(sessions.c.id == bindparam("session"), sessions.c.user_id == bindparam("user"))
_REMOVE_ALL = delete(sessions).where(
    sessions.c.user_id == bindparam("user"), sessions.c.id.is_distinct_from(bindparam("kept"))
)
_REMOVE_OLDEST = delete(sessions).where(
    sessions.c.id.in_(
        select(sessions.c.id)
        .where(sessions.c.user_id == bindparam("user"))
        .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
        .offset(bindparam("kept"))
    )
)
_REMOVE_EXPIRED = delete(sessions).where(sessions.c.expires_at <= bindparam("at"))


def add(
    tx: Tx, user_id: str, token_hash: bytes, lifetime: float, *, agent: str | None = None, address: str | None = None
) -> SessionRow:
    """Open a session that lives for ``lifetime`` seconds from now."""
    row = SessionRow(tx.new_id("ses"), user_id, tx.now, tx.now, tx.now + lifetime, agent, address)
    tx.conn.execute(
        _INSERT,
        {
            "id": row.id,
            "user_id": user_id,
            "token_hash": token_hash,
            "created_at": row.created_at,
            "seen_at": row.seen_at,
            "expires_at": row.expires_at,
            "agent": agent,
            "address": address,
        },
    )
    return row


def by_token(tx: Tx, token_hash: bytes) -> tuple[SessionRow, UserRow] | None:
    """The session of a token and its user, while it lives and he may come in."""
    row = tx.conn.execute(_BY_TOKEN, {"hash": token_hash, "at": tx.now}).first()
    if row is None:
        return None
    width = len(_COLUMNS)
    return SessionRow(*row[:width]), UserRow(*row[width:])


def of_user(tx: Tx, user_id: str) -> list[SessionRow]:
    """A user's living sessions, the newest first."""
    return [SessionRow(*row) for row in tx.conn.execute(_OF_USER, {"user": user_id, "at": tx.now})]


def renew(tx: Tx, session_id: str, lifetime: float) -> None:
    """Note that a session was used, and let it live for ``lifetime`` seconds from now."""
    tx.conn.execute(_SEEN, {"session": session_id, "at": tx.now, "until": tx.now + lifetime})


def remove(tx: Tx, user_id: str, session_id: str) -> bool:
    """End one session of this user; False where there is none."""
    return tx.conn.execute(_REMOVE, {"session": session_id, "user": user_id}).rowcount == 1


def remove_all(tx: Tx, user_id: str, kept: str | None = None) -> int:
    """End all of a user's sessions, but for the one that is ``kept``; returns how many there were."""
    return tx.conn.execute(_REMOVE_ALL, {"user": user_id, "kept": kept}).rowcount


def remove_oldest(tx: Tx, user_id: str, kept: int) -> int:
    """End a user's sessions but the ``kept`` ones that were used last; returns how many went."""
    return tx.conn.execute(_REMOVE_OLDEST, {"user": user_id, "kept": kept}).rowcount


def remove_expired(tx: Tx) -> int:
    """Forget the sessions whose time is over; returns how many went."""
    return tx.conn.execute(_REMOVE_EXPIRED, {"at": tx.now}).rowcount
