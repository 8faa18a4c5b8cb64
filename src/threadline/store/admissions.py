"""Admissions: which messages were let in, and when; they outlive their conversations."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from threadline.store.tables import admissions
from threadline.store.transaction import Tx

_INSERT = insert(admissions)
_HIS = and_(admissions.c.user_id == bindparam("user"), admissions.c.at > bindparam("since"))
_COUNTED = select(func.count(), func.min(admissions.c.at)).where(_HIS)
_REACHED = select(admissions.c.at).where(_HIS).order_by(admissions.c.at.desc()).limit(1).offset(bindparam("newer"))
_REACHED_OF_MODEL = _REACHED.where(admissions.c.model == bindparam("model"))
_FORGET = delete(admissions).where(
    admissions.c.run_id.in_(
        select(admissions.c.run_id).where(admissions.c.at <= bindparam("before")).limit(bindparam("most"))
    )
)


def add(tx: Tx, run_id: str, user_id: str, model: str) -> None:
    """Write down that a message of this user was let in now, to be answered by ``run_id``."""
    tx.conn.execute(_INSERT, {"run_id": run_id, "user_id": user_id, "model": model, "at": tx.now})


def reached(tx: Tx, user_id: str, model: str | None, since: float, most: int) -> float | None:
    """When the user's ``most``-th message was let in, counted back from the newest, to ``model`` or (None) any; None
    where there are fewer after ``since``."""
    given = {"user": user_id, "since": since, "newer": most - 1}
    if model is None:
        found: float | None = tx.conn.execute(_REACHED, given).scalar()
    else:
        found = tx.conn.execute(_REACHED_OF_MODEL, {**given, "model": model}).scalar()
    return found


def counted(tx: Tx, user_id: str, since: float) -> tuple[int, float | None]:
    """How many messages of the user were let in after ``since``, and when the first of them was."""
    row = tx.conn.execute(_COUNTED, {"user": user_id, "since": since}).one()
    return row[0], row[1]


def move(tx: Tx, user_id: str, to: str) -> None:
    """Count one user's messages for another, who he turned out to be."""
    tx.conn.execute(update(admissions).where(admissions.c.user_id == user_id).values(user_id=to))


def forget(tx: Tx, before: float, most: int) -> int:
    """Drop up to ``most`` that are older; returns how many went."""
    return tx.conn.execute(_FORGET, {"before": before, "most": most}).rowcount
