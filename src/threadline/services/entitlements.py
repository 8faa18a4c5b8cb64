"""Entitlements: who may send how much, decided in the very transaction in which a message comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadline.domain.errors import NotFound, Unauthorized
from threadline.domain.limits import (
    ALL,
    BUDGETS,
    COSTS,
    DAY,
    KINDS,
    OFF,
    Entitlement,
    Limits,
    Name,
    Refusal,
    day_of,
    error_of,
    longest,
    over_budget,
    resolve,
)
from threadline.domain.prices import dollars
from threadline.services import audit
from threadline.store import admissions, entitlements, spending, users
from threadline.store.database import Store
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx

UNLIMITED: Final[Mapping[str, int | None]] = {}


class Entitlements:
    """``messages``: how many messages a kind of user may send in any 24 hours where no admin said otherwise; a kind
    that is not there, or whose number is None, may send as many as it likes."""

    def __init__(self, store: Store, messages: Mapping[str, int | None] = UNLIMITED) -> None:
        self._store = store
        self._usual: dict[str, Limits] = {
            kind: {"messages": most} for kind, most in messages.items() if most is not None
        }

    def admit(self, tx: Tx, run: RunRow) -> None:
        """Let the message in that a run is to answer, and count it for who asked; in the transaction that writes it, so
        that neither is without the other. Raises ``RateLimited``, and ``Unauthorized`` for who is shut out by now."""
        user_id = run.asker_id
        kind = entitlements.hold(tx, user_id, asks=True)
        if kind is None:
            raise Unauthorized(surface="session")
        by_scope = self._by_scope(tx, run, kind)
        refusals = _too_many(tx, run, by_scope)
        if run.key_owner == "server":
            refusals += _used_up(tx, run, by_scope)
        _refuse(refusals, kind, tx.now)
        admissions.add(tx, run.id, user_id, run.model)

    def check_budget(self, tx: Tx, run: RunRow) -> None:
        """For a run that had come in on its asker's own key, and which the server's is to pay for after all. Raises
        ``RateLimited``."""
        kind = entitlements.hold(tx, run.asker_id)
        if kind is not None:
            _refuse(_used_up(tx, run, self._by_scope(tx, run, kind)), kind, tx.now)

    def limits(self, tx: Tx, user_id: str, kind: str) -> Limits:
        """The limits of a user for all models together."""
        rows = entitlements.applying(tx, (user_id, kind), (ALL,))
        return resolve(rows, user_id, kind, ALL, self._usual.get(kind, {}))

    async def listed(self) -> list[Entitlement]:
        """What admins wrote down, by subject and model."""
        return await self._store.read(entitlements.every)

    async def put(self, admin_id: str, row: Entitlement, address: str | None = None) -> None:
        """Write a row down, in the place of the one of its subject and model. It holds for the next message. Raises
        ``NotFound`` where the subject is neither a kind nor anybody's id."""

        def work(tx: Tx) -> None:
            if row.subject not in KINDS and users.get(tx, row.subject) is None:
                raise NotFound("The subject is guest, registered, service, or the id of a user.", surface="limits")
            entitlements.put(tx, row)
            told = told_of(row)
            audit.record(
                tx, "limits.changed", admin_id, target=row.subject, address=address, model=row.model, limits=told
            )

        await self._store.write(work)

    async def remove(self, admin_id: str, subject: str, model: str, address: str | None = None) -> None:
        """Forget a row, so that what stands behind it holds again. Raises ``NotFound``."""

        def work(tx: Tx) -> None:
            if not entitlements.remove(tx, subject, model):
                raise NotFound(surface="limits")
            audit.record(tx, "limits.removed", admin_id, target=subject, address=address, model=model)

        await self._store.write(work)

    def _by_scope(self, tx: Tx, run: RunRow, kind: str) -> dict[str, Limits]:
        """The limits of who asked for a run: for all models together, and for its model alone."""
        rows = entitlements.applying(tx, (run.asker_id, kind), (ALL, run.model))
        usual = self._usual.get(kind, {})
        return {
            ALL: resolve(rows, run.asker_id, kind, ALL, usual),
            run.model: resolve(rows, run.asker_id, kind, run.model, {}),
        }


def told_of(row: Entitlement) -> dict[str, float | str | None]:
    """The limits of a row as they are told: numbers, costs in US dollars; ``off`` for none; None for nothing said."""
    return {name: told_limit(name, most) for name, most in row.limits().items()}


def told_limit(name: Name, most: int | None) -> float | str | None:
    """One of them."""
    if most == OFF:
        return "off"
    return dollars(most) if name in COSTS else most


def _too_many(tx: Tx, run: RunRow, by_scope: Mapping[str, Limits]) -> list[Refusal]:
    """The numbers of messages that one more would go beyond."""
    found: list[Refusal] = []
    for scope, limits in by_scope.items():
        most = limits.get("messages")
        if most == 0:
            found.append(Refusal("messages", scope, 0, None))
        elif most is not None:
            at = admissions.reached(tx, run.asker_id, _only(scope), tx.now - DAY, most)
            if at is not None:
                found.append(Refusal("messages", scope, most, at + DAY))
    return found


def _used_up(tx: Tx, run: RunRow, by_scope: Mapping[str, Limits]) -> list[Refusal]:
    """The budgets of which nothing is left."""
    found: list[Refusal] = []
    for scope, limits in by_scope.items():
        if any(name in limits for name in BUDGETS):
            used = spending.used(tx, run.asker_id, _only(scope), day_of(tx.now))
            found += over_budget(limits, used, scope, tx.now)
    return found


def _only(scope: str) -> str | None:
    return None if scope == ALL else scope


def _refuse(refusals: Sequence[Refusal], kind: str, now: float) -> None:
    refusal = longest(refusals)
    if refusal is not None:
        raise error_of(refusal, kind, now)
