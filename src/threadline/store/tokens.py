"""Access tokens: which program speaks for which user; of a token only its sha256 is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from threadline.store.tables import tokens, users
from threadline.store.transaction import Tx
from threadline.store.users import COLUMNS as USER_COLUMNS
from threadline.store.users import UserRow


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One access token; times are Unix seconds, ``used_at`` is exact to a minute. ``expires_at`` None: never.
    ``scopes`` are names with blanks between."""

    id: str
    user_id: str
    name: str
    created_at: float
    used_at: float | None
    scopes: str = "all"
    expires_at: float | None = None


_COLUMNS = (
    tokens.c.id,
    tokens.c.user_id,
    tokens.c.name,
    tokens.c.created_at,
    tokens.c.used_at,
    tokens.c.scopes,
    tokens.c.expires_at,
)
_LIVING = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > bindparam("now"))
_OF_USER = tokens.c.user_id == bindparam("user")
_INSERT = insert(tokens)
_BY_HASH = (
    select(*_COLUMNS, *USER_COLUMNS)
    .join(users, users.c.id == tokens.c.user_id)
    .where(tokens.c.token_hash == bindparam("hash"), _LIVING, users.c.disabled_at.is_(None))
)
_ALL = select(*_COLUMNS, *USER_COLUMNS).join(users, users.c.id == tokens.c.user_id).order_by(tokens.c.id)
_LISTED = select(*_COLUMNS).where(_OF_USER).order_by(tokens.c.id.desc())
_COUNT = select(func.count()).select_from(tokens).where(_OF_USER, _LIVING)
_USED = update(tokens).where(tokens.c.id == bindparam("token")).values(used_at=bindparam("at"))
_REMOVE = delete(tokens).where(tokens.c.id == bindparam("token")).returning(*_COLUMNS)
_REMOVE_ALL = delete(tokens).where(_OF_USER)
_REMOVE_EXPIRED = delete(tokens).where(tokens.c.expires_at <= bindparam("before"))


def add(
    tx: Tx,
    user_id: str,
    name: str,
    token_hash: bytes,
    *,
    scopes: Sequence[str] = ("all",),
    lifetime: float | None = None,
) -> TokenRow:
    """Keep a new token, which lives for ``lifetime`` seconds from now; None: for ever."""
    expires_at = None if lifetime is None else tx.now + lifetime
    row = TokenRow(tx.new_id("tok"), user_id, name, tx.now, None, " ".join(scopes), expires_at)
    tx.conn.execute(
        _INSERT,
        {
            "id": row.id,
            "user_id": user_id,
            "name": name,
            "token_hash": token_hash,
            "created_at": row.created_at,
            "scopes": row.scopes,
            "expires_at": row.expires_at,
        },
    )
    return row


def by_hash(tx: Tx, token_hash: bytes) -> tuple[TokenRow, UserRow] | None:
    """A token and its user, while it lives and he may come in."""
    row = tx.conn.execute(_BY_HASH, {"hash": token_hash, "now": tx.now}).first()
    return None if row is None else _pair(row)


def every(tx: Tx) -> list[tuple[TokenRow, UserRow]]:
    """All tokens with their users, the oldest first."""
    return [_pair(row) for row in tx.conn.execute(_ALL)]


def of_user(tx: Tx, user_id: str) -> list[TokenRow]:
    """A user's tokens, the newest first, with those that are over."""
    return [TokenRow(*row) for row in tx.conn.execute(_LISTED, {"user": user_id})]


def count(tx: Tx, user_id: str) -> int:
    """How many of a user's tokens live."""
    return int(tx.conn.execute(_COUNT, {"user": user_id, "now": tx.now}).scalar_one())


def used(tx: Tx, token_id: str) -> None:
    """Note that a token was used now."""
    tx.conn.execute(_USED, {"token": token_id, "at": tx.now})


def remove(tx: Tx, token_id: str, user_id: str | None = None) -> TokenRow | None:
    """Forget a token, of this user where one is named; returns what it was, None where there is none."""
    query = _REMOVE if user_id is None else _REMOVE.where(tokens.c.user_id == user_id)
    row = tx.conn.execute(query, {"token": token_id}).first()
    return None if row is None else TokenRow(*row)


def remove_all(tx: Tx, user_id: str) -> int:
    """Forget all of a user's tokens; returns how many went."""
    return tx.conn.execute(_REMOVE_ALL, {"user": user_id}).rowcount


def remove_expired(tx: Tx, before: float) -> int:
    """Forget those that were over by then; returns how many went."""
    return tx.conn.execute(_REMOVE_EXPIRED, {"before": before}).rowcount


def _pair(row: tuple[object, ...]) -> tuple[TokenRow, UserRow]:
    width = len(_COLUMNS)
    return TokenRow(*row[:width]), UserRow(*row[width:])  # type: ignore[arg-type]
