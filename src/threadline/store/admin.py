"""What those who administer see of everybody: users, and what they spent."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import Select, func, or_, select, tuple_

from threadline.store import cursors
from threadline.store.tables import sessions, spending, tokens, users
from threadline.store.transaction import Tx
from threadline.store.users import COLUMNS as USER_COLUMNS
from threadline.store.users import UserRow


@dataclass(frozen=True, slots=True)
class Overview:
    """A user, when he was seen last (Unix seconds), by session or by program, and what all of his answers that are
    still counted took: ``cost`` in millionths of a US dollar, of those that have one."""

    user: UserRow
    seen_at: float | None
    answers: int
    unpriced: int
    cost: int


@dataclass(frozen=True, slots=True)
class Spender:
    """What a user spent altogether; ``cost`` in millionths of a US dollar, of those answers that have one: ``unpriced``
    have none."""

    user: UserRow
    runs: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: int
    unpriced: int


_HIS: Final = spending.c.user_id == users.c.id
_SEEN_BROWSER: Final = select(func.max(sessions.c.seen_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()
_SEEN_PROGRAM: Final = select(func.max(tokens.c.used_at)).where(tokens.c.user_id == users.c.id).scalar_subquery()
_USERS: Final = select(
    *USER_COLUMNS,
    _SEEN_BROWSER,
    _SEEN_PROGRAM,
    *(
        select(func.coalesce(func.sum(column), 0)).where(_HIS).scalar_subquery()
        for column in (spending.c.runs, spending.c.unpriced, spending.c.cost)
    ),
).where(users.c.deleted_at.is_(None))
_COST: Final = func.sum(spending.c.cost)
_SPENDERS: Final = (
    select(*USER_COLUMNS, *(func.sum(spending.c[field.name]) for field in fields(Spender) if field.name != "user"))
    .join(spending, _HIS)
    .group_by(users.c.id)
    .order_by(_COST.desc(), users.c.id.desc())
)


def page(
    tx: Tx, cursor: str | None, most: int, *, words: str | None = None, kind: str | None = None
) -> tuple[list[Overview], str | None]:
    """Users, the newest first, and the cursor of what follows, None at the end.

    ``words``: only those whose e-mail address or name holds this text, in whatever case, or whose id it is.
    """
    query: Select[Any] = _USERS.order_by(users.c.created_at.desc(), users.c.id.desc()).limit(most + 1)
    if kind is not None:
        query = query.where(users.c.kind == kind)
    if words is not None:
        held = [
            func.lower(column).contains(words.lower(), autoescape=True, escape="/")
            for column in (users.c.email, users.c.name)
        ]
        query = query.where(or_(*held, users.c.id == words))
    if cursor is not None:
        query = query.where(tuple_(users.c.created_at, users.c.id) < tuple_(*cursors.decode(cursor)))
    found = tx.conn.execute(query).all()
    rows = [_overview(tuple(row)) for row in found[:most]]
    last = rows[-1].user if rows else None
    return rows, cursors.encode(last.created_at, last.id) if last is not None and len(found) > most else None


def one(tx: Tx, user_id: str) -> Overview | None:
    """One user; None where he is not there."""
    row = tx.conn.execute(_USERS.where(users.c.id == user_id)).first()
    return None if row is None else _overview(tuple(row))


def spenders(
    tx: Tx, since: int, cursor: str | None, most: int, *, key_owner: str | None = None
) -> tuple[list[Spender], str | None]:
    """What each user spent from the day ``since`` on (days since 1970, UTC), the dearest first, and the cursor of what
    follows. ``key_owner``: only what the keys of the server, or of the users, paid."""
    query = _SPENDERS.where(spending.c.day >= since).limit(most + 1)
    if key_owner is not None:
        query = query.where(spending.c.key_owner == key_owner)
    if cursor is not None:
        query = query.having(tuple_(_COST, users.c.id) < tuple_(*cursors.decode(cursor)))
    found = tx.conn.execute(query).all()
    width = len(USER_COLUMNS)
    rows = [Spender(UserRow(*row[:width]), *row[width:]) for row in found[:most]]
    last = rows[-1] if len(found) > most else None
    return rows, None if last is None else cursors.encode(float(last.cost), last.user.id)


def _overview(row: tuple[Any, ...]) -> Overview:
    width = len(USER_COLUMNS)
    browser, program, answers, unpriced, cost = row[width:]
    seen = [at for at in (browser, program) if at is not None]
    return Overview(UserRow(*row[:width]), max(seen, default=None), answers, unpriced, cost)
