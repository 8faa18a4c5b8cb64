"""The audit log: who did what to whom and when; nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Select, bindparam, delete, insert, select, tuple_

from threadline.store import cursors
from threadline.store.tables import audit
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done; ``at`` is Unix seconds. ``actor_id`` None: nobody who is known here. ``target`` is the
    id of what it was done to."""

    id: str
    at: float
    actor_id: str | None
    action: str
    target: str | None
    address: str | None
    details: dict[str, Any]


_COLUMNS = (
    audit.c.id,
    audit.c.at,
    audit.c.actor_id,
    audit.c.action,
    audit.c.target,
    audit.c.address,
    audit.c.details,
)
_INSERT = insert(audit)
_OLD = select(audit.c.id).where(audit.c.at < bindparam("before")).order_by(audit.c.at, audit.c.id)
_FORGET = delete(audit).where(audit.c.id.in_(_OLD.limit(bindparam("most"))))


def add(
    tx: Tx,
    action: str,
    actor_id: str | None,
    target: str | None,
    address: str | None,
    details: Mapping[str, Any],
) -> None:
    """Write down what was done, with the time of the transaction."""
    tx.conn.execute(
        _INSERT,
        {
            "id": tx.new_id("aud"),
            "at": tx.now,
            "actor_id": actor_id,
            "action": action,
            "target": target,
            "address": address,
            "details": orjson.dumps(details).decode(),
        },
    )


def page(
    tx: Tx, cursor: str | None, most: int, *, actor: str | None = None, action: str | None = None
) -> tuple[list[AuditRow], str | None]:
    """What was done, the newest first, and the cursor of what follows, None at the end; by this actor alone and of this
    action alone, where they are named."""
    query: Select[Any] = select(*_COLUMNS).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(most + 1)
    if actor is not None:
        query = query.where(audit.c.actor_id == actor)
    if action is not None:
        query = query.where(audit.c.action == action)
    if cursor is not None:
        query = query.where(tuple_(audit.c.at, audit.c.id) < tuple_(*cursors.decode(cursor)))
    found = tx.conn.execute(query).all()
    rows = [AuditRow(**{**row._mapping, "details": orjson.loads(row.details)}) for row in found[:most]]
    return rows, cursors.encode(rows[-1].at, rows[-1].id) if len(found) > most else None


def forget(tx: Tx, before: float, most: int) -> int:
    """Drop what was done before that time, ``most`` of it at once, the oldest first; returns how many went."""
    return tx.conn.execute(_FORGET, {"before": before, "most": most}).rowcount
