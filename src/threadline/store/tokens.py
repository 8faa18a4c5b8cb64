"""Access tokens: which program speaks for which user; of a token only its sha256 is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from threadline.store.tables import tokens, users
from threadline.store.transaction import Tx
from threadline.store.users import COLUMNS as USER_COLUMNS
from threadline.store.users import UserRow


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One access token; times are Unix seconds, ``used_at`` is exact to a minute."""

    id: str
    user_id: str
    name: str
    created_at: float
    used_at: float | None


_COLUMNS = (tokens.c.id, tokens.c.user_id, tokens.c.name, tokens.c.created_at, tokens.c.used_at)
_INSERT = insert(tokens)
_BY_HASH = (
    select(*_COLUMNS, *USER_COLUMNS)
    .join(users, users.c.id == tokens.c.user_id)
    .where(tokens.c.token_hash == bindparam("hash"))
)
_ALL = select(*_COLUMNS, *USER_COLUMNS).join(users, users.c.id == tokens.c.user_id).order_by(tokens.c.id)
_USED = update(tokens).where(tokens.c.id == bindparam("token")).values(used_at=bindparam("at"))
_REMOVE = delete(tokens).where(tokens.c.id == bindparam("token"))


def add(tx: Tx, user_id: str, name: str, token_hash: bytes) -> TokenRow:
    """Keep a new token."""
    row = TokenRow(tx.new_id("tok"), user_id, name, tx.now, None)
    tx.conn.execute(
        _INSERT,
        {"id": row.id, "user_id": user_id, "name": name, "token_hash": token_hash, "created_at": row.created_at},
    )
    return row


def by_hash(tx: Tx, token_hash: bytes) -> tuple[TokenRow, UserRow] | None:
    """A token and its user."""
    row = tx.conn.execute(_BY_HASH, {"hash": token_hash}).first()
    return None if row is None else _pair(row)


def every(tx: Tx) -> list[tuple[TokenRow, UserRow]]:
    """All tokens with their users, the oldest first."""
    return [_pair(row) for row in tx.conn.execute(_ALL)]


def used(tx: Tx, token_id: str) -> None:
    """Note that a token was used now."""
    tx.conn.execute(_USED, {"token": token_id, "at": tx.now})


def remove(tx: Tx, token_id: str) -> bool:
    """Forget a token; False where there is none."""
    return tx.conn.execute(_REMOVE, {"token": token_id}).rowcount == 1


def _pair(row: tuple[object, ...]) -> tuple[TokenRow, UserRow]:
    width = len(_COLUMNS)
    return TokenRow(*row[:width]), UserRow(*row[width:])  # type: ignore[arg-type]
