"""Users: guests, and those with an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, func, insert, literal, select, update

from threadline.store.tables import conversations, sessions, tokens, users
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class UserRow:
    """Who owns things; ``kind`` is guest, registered or service, ``role`` user or admin. With ``disabled_at`` he may
    not come in."""

    id: str
    kind: str
    name: str | None
    created_at: float
    email: str | None = None
    role: str = "user"
    disabled_at: float | None = None
    email_verified: bool = False
    has_password: bool = False


COLUMNS = (
    users.c.id,
    users.c.kind,
    users.c.name,
    users.c.created_at,
    users.c.email,
    users.c.role,
    users.c.disabled_at,
    users.c.email_verified_at.is_not(None).label("email_verified"),
    users.c.password_hash.is_not(None).label("has_password"),
)
_THIS = users.c.id == bindparam("user")
_HERE: Final = users.c.deleted_at.is_(None)
_INSERT = insert(users)
_GET = select(*COLUMNS).where(_THIS)
_NAMED = select(*COLUMNS).where(users.c.kind == bindparam("kind"), users.c.name == bindparam("name")).limit(1)
_BY_EMAIL = select(*COLUMNS).where(users.c.email == bindparam("email"))
_PASSWORD = select(users.c.password_hash).where(_THIS)
_REGISTERED = select(*COLUMNS).where(users.c.kind == literal("registered"), _HERE).order_by(users.c.created_at)
_ADMINS = (
    select(func.count())
    .select_from(users)
    .where(
        users.c.kind == literal("registered"), users.c.role == literal("admin"), users.c.disabled_at.is_(None), _HERE
    )
)


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


def by_email(tx: Tx, email: str) -> UserRow | None:
    """The account that has this address, which is in small letters; proved or not."""
    row = tx.conn.execute(_BY_EMAIL, {"email": email}).first()
    return UserRow(*row) if row else None


def password_hash(tx: Tx, user_id: str) -> str | None:
    """What is kept of a user's password; None where he has none."""
    found: str | None = tx.conn.execute(_PASSWORD, {"user": user_id}).scalar()
    return found


def registered(tx: Tx) -> list[UserRow]:
    """Every account, the oldest first."""
    return [UserRow(*row) for row in tx.conn.execute(_REGISTERED)]


def any_registered(tx: Tx) -> bool:
    """Whether anybody has an account here."""
    return tx.conn.execute(_REGISTERED.limit(1)).first() is not None


def count_admins(tx: Tx) -> int:
    """How many admins may come in."""
    return int(tx.conn.execute(_ADMINS).scalar_one())


def change(tx: Tx, user_id: str, **values: Any) -> None:
    """Set any of ``kind``, ``name``, ``email``, ``email_verified_at``, ``password_hash``, ``role``, ``disabled_at``."""
    tx.conn.execute(update(users).where(_THIS).values(values), {"user": user_id})


_MARK = (
    update(users)
    .where(_THIS, _HERE)
    .values(
        name=None,
        email=None,
        email_verified_at=None,
        password_hash=None,
        role="user",
        preferences="{}",
        disabled_at=bindparam("at"),
        deleted_at=bindparam("at"),
        heir_id=bindparam("heir"),
    )
)
_MARKED = (
    select(users.c.id, users.c.heir_id)
    .where(users.c.deleted_at.is_not(None))
    .order_by(users.c.deleted_at)
    .limit(bindparam("most"))
)
_IS_MARKED = select(users.c.id).where(_THIS, users.c.deleted_at.is_not(None))
_giver = users.alias()
_HEIR = select(users.c.id).join(_giver, _giver.c.heir_id == users.c.id).where(_giver.c.id == bindparam("user"), _HERE)
_REMOVE = delete(users).where(_THIS, users.c.deleted_at.is_not(None))
_STALE = (
    select(users.c.id)
    .where(users.c.kind == literal("guest"), _HERE, users.c.created_at < bindparam("before"))
    .where(~exists().where(sessions.c.user_id == users.c.id, sessions.c.seen_at >= bindparam("before")))
    .where(~exists().where(conversations.c.user_id == users.c.id, conversations.c.updated_at >= bindparam("before")))
    .where(
        ~exists().where(
            tokens.c.user_id == users.c.id, func.coalesce(tokens.c.used_at, tokens.c.created_at) >= bindparam("before")
        )
    )
    .order_by(users.c.created_at)
    .limit(bindparam("most"))
)


def mark_deleted(tx: Tx, user_id: str, heir_id: str | None = None) -> bool:
    """Let nobody come in as this user any more, and forget what is known of him; False where that has happened before.
    ``heir_id``: who has what he made."""
    return tx.conn.execute(_MARK, {"user": user_id, "at": tx.now, "heir": heir_id}).rowcount == 1


def marked(tx: Tx, most: int) -> list[tuple[str, str | None]]:
    """Deleted users of whom something is left, and their heirs; those that wait longest first."""
    return [(user_id, heir_id) for user_id, heir_id in tx.conn.execute(_MARKED, {"most": most})]


def is_marked(tx: Tx, user_id: str) -> bool:
    """Whether a user is deleted, and something is left of him."""
    return tx.conn.execute(_IS_MARKED, {"user": user_id}).first() is not None


def heir(tx: Tx, user_id: str) -> str | None:
    """Who has what a deleted user made; None for nobody, also where that one is deleted himself."""
    found: str | None = tx.conn.execute(_HEIR, {"user": user_id}).scalar()
    return found


def remove(tx: Tx, user_id: str) -> bool:
    """Remove a deleted user with all that hangs on him; False where he is not deleted, or gone."""
    return tx.conn.execute(_REMOVE, {"user": user_id}).rowcount == 1


def stale_guests(tx: Tx, before: float, most: int) -> list[str]:
    """Guests of whom nothing was seen since ``before``."""
    return list(tx.conn.execute(_STALE, {"before": before, "most": most}).scalars())
