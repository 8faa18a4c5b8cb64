"""Users: guests, and those with an account."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select

from threadline.store.tables import users
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class UserRow:
    """Who owns things; ``kind`` is guest, registered or service, ``role`` user or admin."""

    id: str
    kind: str
    name: str | None
    created_at: float
    email: str | None = None
    role: str = "user"
    disabled_at: float | None = None


COLUMNS = (
    users.c.id,
    users.c.kind,
    users.c.name,
    users.c.created_at,
    users.c.email,
    users.c.role,
    users.c.disabled_at,
)
_INSERT = insert(users)
_GET = select(*COLUMNS).where(users.c.id == bindparam("user"))
_NAMED = select(*COLUMNS).where(users.c.kind == bindparam("kind"), users.c.name == bindparam("name")).limit(1)


def add(tx: Tx, kind: str, name: str | None = None) -> UserRow:
    """Make a user."""
    row = UserRow(tx.new_id("usr"), kind, name, tx.now)
    tx.conn.execute(_INSERT, {"id": row.id, "kind": row.kind, "name": row.name, "created_at": row.created_at})
    return row


def get(tx: Tx, user_id: str) -> UserRow | None:
    """A user by id."""
    row = tx.conn.execute(_GET, {"user": user_id}).first()
    return UserRow(*row) if row else None


def named(tx: Tx, kind: str, name: str) -> UserRow | None:
    """A user of this kind by name."""
    row = tx.conn.execute(_NAMED, {"kind": kind, "name": name}).first()
    return UserRow(*row) if row else None
