"""Users' own keys for providers: sealed, one for each user and provider."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, func, insert, select, update

from threadline.store.tables import keys
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key; ``master`` names the master key that sealed it, ``base_url`` is where it is for (None: the provider's
    usual address). Times are Unix seconds, ``used_at`` is exact to a minute."""

    id: str
    user_id: str
    provider: str
    base_url: str | None
    master: str
    sealed: bytes = field(repr=False)
    last_four: str
    created_at: float
    used_at: float | None = None


_COLUMNS = tuple(keys.c[name] for name in KeyRow.__slots__)
_OF_USER = select(*_COLUMNS).where(keys.c.user_id == bindparam("user")).order_by(keys.c.provider)
_GET = select(*_COLUMNS).where(keys.c.user_id == bindparam("user"), keys.c.provider == bindparam("name"))
_INSERT = insert(keys)
_REMOVE = delete(keys).where(keys.c.user_id == bindparam("user"), keys.c.provider == bindparam("name"))
_USED = update(keys).where(keys.c.id == bindparam("key")).values(used_at=bindparam("at"))
_RESEAL = (
    update(keys)
    .where(keys.c.id == bindparam("key"))
    .values(user_id=bindparam("owner"), master=bindparam("by"), sealed=bindparam("data"))
)
_SEALED_BY = (
    select(*_COLUMNS)
    .where(keys.c.master == bindparam("by"), keys.c.id > bindparam("after"))
    .order_by(keys.c.id)
    .limit(bindparam("most"))
)
_MASTERS = select(keys.c.master, func.count().label("number")).group_by(keys.c.master)


def of_user(tx: Tx, user_id: str) -> list[KeyRow]:
    """All keys of a user, by the provider's name."""
    return [KeyRow(*row) for row in tx.conn.execute(_OF_USER, {"user": user_id})]


def get(tx: Tx, user_id: str, provider: str) -> KeyRow | None:
    """A user's key for one provider."""
    row = tx.conn.execute(_GET, {"user": user_id, "name": provider}).first()
    return KeyRow(*row) if row else None


def put(
    tx: Tx, user_id: str, provider: str, *, base_url: str | None, master: str, sealed: bytes, last_four: str
) -> KeyRow:
    """Keep a key, in the place of the one that the user had for this provider."""
    remove(tx, user_id, provider)
    row = KeyRow(tx.new_id("key"), user_id, provider, base_url, master, sealed, last_four, tx.now)
    tx.conn.execute(_INSERT, {name: getattr(row, name) for name in KeyRow.__slots__})
    return row


def remove(tx: Tx, user_id: str, provider: str) -> bool:
    """Forget a key; False where there is none."""
    return tx.conn.execute(_REMOVE, {"user": user_id, "name": provider}).rowcount == 1


def used(tx: Tx, key_id: str) -> None:
    """Note that a key was used now."""
    tx.conn.execute(_USED, {"key": key_id, "at": tx.now})


def masters(tx: Tx) -> dict[str, int]:
    """How many keys each master key has sealed."""
    return {row.master: row.number for row in tx.conn.execute(_MASTERS)}


def sealed_by(tx: Tx, master: str, after: str, most: int) -> list[KeyRow]:
    """Some of the keys that a master key has sealed, in the order of their ids, behind the id ``after``."""
    found = tx.conn.execute(_SEALED_BY, {"by": master, "after": after, "most": most})
    return [KeyRow(*row) for row in found]


def reseal(tx: Tx, key_id: str, *, user_id: str, master: str, sealed: bytes) -> None:
    """Keep the same key sealed anew, for this user."""
    tx.conn.execute(_RESEAL, {"key": key_id, "owner": user_id, "by": master, "data": sealed})
