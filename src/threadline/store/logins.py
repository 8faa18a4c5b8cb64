"""Sign-ins through a provider that were begun here; of their states only the sha256 is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, insert, select, update

from threadline.store.tables import logins
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class LoginRow:
    """One sign-in; times are Unix seconds. ``verifier`` and ``nonce`` are empty once it is used."""

    provider: str
    browser_hash: bytes = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    user_id: str | None
    links: bool
    return_to: str
    created_at: float
    used_at: float | None = None


_COLUMNS = (
    logins.c.provider,
    logins.c.browser_hash,
    logins.c.verifier,
    logins.c.nonce,
    logins.c.user_id,
    logins.c.links,
    logins.c.return_to,
    logins.c.created_at,
    logins.c.used_at,
)
_INSERT = insert(logins)
_GET = select(*_COLUMNS).where(logins.c.state_hash == bindparam("state"))
_USE = (
    update(logins)
    .where(logins.c.state_hash == bindparam("state"), logins.c.used_at.is_(None))
    .values(used_at=bindparam("at"), verifier="", nonce="")
)
_FORGET = delete(logins).where(logins.c.created_at <= bindparam("before"))


def add(tx: Tx, state_hash: bytes, row: LoginRow) -> None:
    """Note that a sign-in was begun."""
    tx.conn.execute(
        _INSERT,
        {
            "state_hash": state_hash,
            "provider": row.provider,
            "browser_hash": row.browser_hash,
            "verifier": row.verifier,
            "nonce": row.nonce,
            "user_id": row.user_id,
            "links": row.links,
            "return_to": row.return_to,
            "created_at": row.created_at,
        },
    )


def get(tx: Tx, state_hash: bytes) -> LoginRow | None:
    """The sign-in of a state."""
    row = tx.conn.execute(_GET, {"state": state_hash}).first()
    return LoginRow(*row) if row else None


def use(tx: Tx, state_hash: bytes) -> bool:
    """Note that somebody came back with a state, and drop its secrets; False where somebody did before."""
    return tx.conn.execute(_USE, {"state": state_hash, "at": tx.now}).rowcount == 1


def forget(tx: Tx, before: float) -> int:
    """Drop the sign-ins that were begun before a time; returns how many went."""
    return tx.conn.execute(_FORGET, {"before": before}).rowcount
