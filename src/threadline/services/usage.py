"""Usage: what everybody's answers took and cost, day by day, and what is left of his limits."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain.limits import BUDGETS, COSTS, DAY, Limits, day_of, period_ends, text_of_day
from threadline.domain.prices import dollars
from threadline.services.entitlements import Entitlements
from threadline.store import admissions, entitlements, runs, spending
from threadline.store.database import Store
from threadline.store.spending import Spent
from threadline.store.transaction import Tx
from threadline.store.users import UserRow

_AT_ONCE: Final = 500


class Usages:
    """``days``: for how long it is kept who spent what."""

    def __init__(self, store: Store, entitlements: Entitlements, days: int = 400) -> None:
        self._store = store
        self._entitlements = entitlements
        self._days = days

    async def of(self, user: UserRow, days: int) -> dict[str, Any]:
        """``{items, limits}`` of a user: what he used on each of the last ``days`` days, today included (see
        :func:`view`), and for each limit ``{used, limit, resets_at}``; a ``limit`` of None is none."""

        def work(tx: Tx) -> dict[str, Any]:
            found = spending.since(tx, day_of(tx.now) - days + 1, user.id)
            return {"items": [view(spent) for spent in found], "limits": self._left(tx, user)}

        return await self._store.read(work)

    async def forget(self) -> int:
        """Drop some of what no limit looks at any more, and nobody is told; returns how many rows went. 0: there are no
        more."""

        def work(tx: Tx) -> int:
            gone = admissions.forget(tx, tx.now - DAY, _AT_ONCE)
            return gone + spending.forget(tx, day_of(tx.now) - self._days, _AT_ONCE)

        return await self._store.write(work)

    def _left(self, tx: Tx, user: UserRow) -> dict[str, Any]:
        limits = self._entitlements.limits(tx, user.id, user.kind)
        sent, first = admissions.counted(tx, user.id, tx.now - DAY)
        used: Limits = {"messages": sent, **spending.used(tx, user.id, None, day_of(tx.now))}
        resets = {name: period_ends(name, tx.now) for name in BUDGETS}
        return {
            name: {
                "used": dollars(value) if name in COSTS else value,
                "limit": dollars(limits.get(name)) if name in COSTS else limits.get(name),
                "resets_at": resets.get(name) or (None if first is None else first + DAY),
            }
            for name, value in used.items()
        }


def spend(tx: Tx, run_id: str) -> None:
    """Add what an ended run took to what its asker spent, in the transaction that ends it; not where he is gone."""
    run = runs.get(tx, run_id)
    if run is None or entitlements.hold(tx, run.asker_id) is None:
        return
    spent = spending.of_answer(day_of(tx.now), run.model, run.key_owner, run.usage or {}, run.cost)
    spending.add(tx, run.asker_id, spent)


def view(spent: Spent) -> dict[str, Any]:
    """``{day, model, key_owner, runs, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost}``; the cost
    in US dollars is that of the answers that have one, None where none of them has."""
    return {
        "day": text_of_day(spent.day),
        "model": spent.model,
        "key_owner": spent.key_owner,
        "runs": spent.runs,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cached_tokens": spent.cached_tokens,
        "reasoning_tokens": spent.reasoning_tokens,
        "cost": None if spent.unpriced == spent.runs else dollars(spent.cost),
    }
