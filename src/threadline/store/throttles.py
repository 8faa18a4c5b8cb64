"""Throttles: how often something was tried of late; nothing here tells by whom but for a key."""

from __future__ import annotations

from sqlalchemy import bindparam, case, delete, insert, update

from threadline.store.tables import throttles
from threadline.store.transaction import Tx

_THIS = throttles.c.key == bindparam("this")
_IS_OVER = throttles.c.since <= bindparam("before")
_COUNT = (
    update(throttles)
    .where(_THIS)
    .values(
        count=case((_IS_OVER, 1), else_=throttles.c.count + 1),
        since=case((_IS_OVER, bindparam("at")), else_=throttles.c.since),
    )
    .returning(throttles.c.count, throttles.c.since)
)
_INSERT = insert(throttles)
_GIVE_BACK = update(throttles).where(_THIS, throttles.c.count > 0).values(count=throttles.c.count - 1)
_RESET = delete(throttles).where(_THIS)
_FORGET = delete(throttles).where(throttles.c.since <= bindparam("before"))


def count(tx: Tx, key: str, seconds: float) -> tuple[int, float]:
    """Count one more, and tell the how-manieth it is of a window of ``seconds``, and when that began. A window begins
    with its first."""
    found = tx.conn.execute(_COUNT, {"this": key, "at": tx.now, "before": tx.now - seconds}).first()
    if found is not None:
        counted, since = found
        return counted, since
    tx.conn.execute(_INSERT, {"key": key, "count": 1, "since": tx.now})
    return 1, tx.now


def give_back(tx: Tx, key: str) -> None:
    """One of those that were counted does not count after all."""
    tx.conn.execute(_GIVE_BACK, {"this": key})


def reset(tx: Tx, key: str) -> None:
    """Begin anew."""
    tx.conn.execute(_RESET, {"this": key})


def forget(tx: Tx, seconds: float) -> int:
    """Drop what began longer ago than that; returns how many went."""
    return tx.conn.execute(_FORGET, {"before": tx.now - seconds}).rowcount
