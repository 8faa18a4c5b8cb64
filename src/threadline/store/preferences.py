"""What a user prefers, as one JSON object of his row: written in parts, so that two who write keep each other's."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import bindparam, select, update

from threadline.store.tables import users
from threadline.store.transaction import Tx

_GET = select(users.c.preferences).where(users.c.id == bindparam("user"))
_SET = update(users).where(users.c.id == bindparam("user")).values(preferences=bindparam("value"))


def get(tx: Tx, user_id: str) -> dict[str, Any]:
    """All of it; empty where he never said anything, or is gone."""
    found = tx.conn.execute(_GET, {"user": user_id}).scalar()
    read: dict[str, Any] = orjson.loads(found) if found else {}
    return read


def merge(tx: Tx, user_id: str, **changes: Any) -> dict[str, Any]:
    """Set what is named, and leave the rest as it is; None takes a value away. Returns all of it."""
    merged = {name: value for name, value in {**get(tx, user_id), **changes}.items() if value is not None}
    tx.conn.execute(_SET, {"user": user_id, "value": orjson.dumps(merged).decode()})
    return merged
