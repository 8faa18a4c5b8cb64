"""Spending: what each user's answers took, added up by day, model and whose key paid."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, case, delete, func, insert, select, tuple_, update

from threadline.domain.limits import Limits, first_of_month
from threadline.domain.messages import Usage
from threadline.store.tables import spending
from threadline.store.transaction import Tx

_KEY = (spending.c.user_id, spending.c.day, spending.c.model, spending.c.key_owner)
_SUMS = ("runs", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost", "unpriced")


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers of one day took of one model; ``day`` in days since 1970 (UTC), ``cost`` in millionths of a US
    dollar, of those answers that have one: ``unpriced`` have none."""

    day: int
    model: str
    key_owner: str
    runs: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: int
    unpriced: int


def of_answer(day: int, model: str, key_owner: str, usage: Usage, cost: int | None) -> Spent:
    """What one answer took."""
    return Spent(
        day,
        model,
        key_owner,
        1,
        usage.get("inputTokens", 0),
        usage.get("outputTokens", 0),
        usage.get("cachedInputTokens", 0),
        usage.get("reasoningTokens", 0),
        cost or 0,
        int(cost is None),
    )


def add(tx: Tx, user_id: str, more: Spent) -> None:
    """Add to what a user spent, whose row is held (see ``entitlements.hold``)."""
    key = (user_id, more.day, more.model, more.key_owner)
    sums = {name: getattr(more, name) for name in _SUMS}
    raised = {spending.c[name]: spending.c[name] + value for name, value in sums.items()}
    if not tx.conn.execute(update(spending).where(tuple_(*_KEY) == key).values(raised)).rowcount:
        named = dict(zip((column.name for column in _KEY), key, strict=True))
        tx.conn.execute(insert(spending), {**named, **sums})


def used(tx: Tx, user_id: str, model: str | None, day: int) -> Limits:
    """What the server's keys paid for a user in the month of ``day`` and on it, for ``model`` or (None) any."""
    tokens, today = spending.c.input_tokens + spending.c.output_tokens, spending.c.day == day
    his = and_(
        spending.c.user_id == user_id,
        spending.c.day >= first_of_month(day),
        spending.c.key_owner == "server",
    )
    row = tx.conn.execute(
        select(
            func.coalesce(func.sum(case((today, tokens), else_=0)), 0),
            func.coalesce(func.sum(tokens), 0),
            func.coalesce(func.sum(case((today, spending.c.cost), else_=0)), 0),
            func.coalesce(func.sum(spending.c.cost), 0),
        ).where(his if model is None else and_(his, spending.c.model == model))
    ).one()
    return {"tokens_day": row[0], "tokens_month": row[1], "cost_day": row[2], "cost_month": row[3]}


def since(tx: Tx, day: int, user_id: str | None = None) -> list[Spent]:
    """What was spent from ``day`` on by a user, or (None) by all of them together; the newest day first."""
    by = (spending.c.day, spending.c.model, spending.c.key_owner)
    wanted = select(*by, *(func.sum(spending.c[name]) for name in _SUMS)).where(spending.c.day >= day)
    if user_id is not None:
        wanted = wanted.where(spending.c.user_id == user_id)
    found = tx.conn.execute(wanted.group_by(*by).order_by(spending.c.day.desc(), *by[1:]))
    return [Spent(*row) for row in found]


def move(tx: Tx, user_id: str, to: str) -> None:
    """Add what one user spent to what another did, who he turned out to be."""
    for spent in since(tx, 0, user_id):
        add(tx, to, spent)
    tx.conn.execute(delete(spending).where(spending.c.user_id == user_id))


def forget(tx: Tx, before: int, most: int) -> int:
    """Drop up to ``most`` rows of days before ``before``; returns how many went."""
    old = select(*_KEY).where(spending.c.day < before).limit(most)
    return tx.conn.execute(delete(spending).where(tuple_(*_KEY).in_(old))).rowcount
