"""Entitlements: the limits that admins wrote down, for kinds of users and for single ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select

from threadline.domain.limits import Entitlement
from threadline.store.tables import entitlements, users
from threadline.store.transaction import Tx

_COLUMNS = tuple(entitlements.c[name] for name in Entitlement.__slots__)


_KIND = select(users.c.kind).where(users.c.id == bindparam("user")).with_for_update()
_KIND_OF_ASKER = _KIND.where(users.c.disabled_at.is_(None))
_APPLYING = select(*_COLUMNS).where(
    entitlements.c.subject.in_(bindparam("subjects", expanding=True)),
    entitlements.c.model.in_(bindparam("models", expanding=True)),
)


def hold(tx: Tx, user_id: str, *, asks: bool = False) -> str | None:
    """The kind of a user; None where he is gone or, where he ``asks``, may not come in any more. Until the end of this
    transaction no other counts what he uses: there is one writer on SQLite, and elsewhere his row is locked."""
    kind: str | None = tx.conn.execute(_KIND_OF_ASKER if asks else _KIND, {"user": user_id}).scalar()
    return kind


def applying(tx: Tx, subjects: Sequence[str], models: Sequence[str]) -> list[Entitlement]:
    """Those of these subjects and models."""
    found = tx.conn.execute(_APPLYING, {"subjects": subjects, "models": models})
    return [Entitlement(*row) for row in found]


def every(tx: Tx) -> list[Entitlement]:
    """All of them, by subject and model."""
    found = tx.conn.execute(select(*_COLUMNS).order_by(entitlements.c.subject, entitlements.c.model))
    return [Entitlement(*row) for row in found]


def put(tx: Tx, row: Entitlement) -> None:
    """Write one down, in the place of the one of its subject and model."""
    remove(tx, row.subject, row.model)
    tx.conn.execute(insert(entitlements), {name: getattr(row, name) for name in Entitlement.__slots__})


def remove(tx: Tx, subject: str, model: str) -> bool:
    """Forget one; False where there is none."""
    done = tx.conn.execute(delete(entitlements).where(entitlements.c.subject == subject, entitlements.c.model == model))
    return done.rowcount == 1
