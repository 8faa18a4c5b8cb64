"""Identities: which account somebody at a provider signs in to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from threadline.store.tables import identities
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Somebody at a provider, and the account that is his here; ``email`` is as the provider told it last."""

    provider: str
    subject: str
    user_id: str
    email: str | None
    created_at: float


_COLUMNS = (
    identities.c.provider,
    identities.c.subject,
    identities.c.user_id,
    identities.c.email,
    identities.c.created_at,
)
_IS = (identities.c.provider == bindparam("at_provider"), identities.c.subject == bindparam("him"))
_INSERT = insert(identities)
_GET = select(*_COLUMNS).where(*_IS)
_OF_USER = select(*_COLUMNS).where(identities.c.user_id == bindparam("user")).order_by(identities.c.created_at)
_NOTE = update(identities).where(*_IS).values(email=bindparam("told"))
_REMOVE = delete(identities).where(
    identities.c.user_id == bindparam("user"), identities.c.provider == bindparam("at_provider")
)


def add(tx: Tx, provider: str, subject: str, user_id: str, email: str | None) -> IdentityRow:
    """Link somebody at a provider to an account."""
    row = IdentityRow(provider, subject, user_id, email, tx.now)
    tx.conn.execute(
        _INSERT,
        {"provider": provider, "subject": subject, "user_id": user_id, "email": email, "created_at": tx.now},
    )
    return row


def get(tx: Tx, provider: str, subject: str) -> IdentityRow | None:
    """Somebody at a provider."""
    row = tx.conn.execute(_GET, {"at_provider": provider, "him": subject}).first()
    return IdentityRow(*row) if row else None


def of_user(tx: Tx, user_id: str) -> list[IdentityRow]:
    """Who at which providers is linked to an account, the oldest first."""
    return [IdentityRow(*row) for row in tx.conn.execute(_OF_USER, {"user": user_id})]


def note(tx: Tx, provider: str, subject: str, email: str | None) -> None:
    """Note the address that the provider tells now."""
    tx.conn.execute(_NOTE, {"at_provider": provider, "him": subject, "told": email})


def remove(tx: Tx, user_id: str, provider: str) -> bool:
    """Unlink a provider from an account; False where it was not linked."""
    return tx.conn.execute(_REMOVE, {"user": user_id, "at_provider": provider}).rowcount > 0
