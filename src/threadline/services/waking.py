"""Wakes of subscriptions: when one begins, who delivers it, and when it is over; each step in one transaction.

A subscription is at rest, or there is one wake, of its newest generation. A wake waits to be delivered
(``next_attempt_at``), and once it has arrived somebody has it under a lease (``lease_until``), or, of a pull-wake,
anybody may claim it. Whoever acts on a wake names its generation; what another generation says is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from threadline.domain.subscriptions import Kind, StreamState
from threadline.log.protocol import Log
from threadline.services.awakening import tell
from threadline.services.looking import Tails
from threadline.services.notices import Notices
from threadline.services.signing import Signing
from threadline.store import subscriptions
from threadline.store.database import Store
from threadline.store.subscriptions import SubscriptionRow
from threadline.store.transaction import Tx
from threadline.world import World

TAKEN_SECONDS: Final = 30.0
"""For how long nobody else delivers a wake that is being delivered."""

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 60.0
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Delivery:
    """A wake that this process is to deliver: its subscription, the streams as they are told, and its token."""

    row: SubscriptionRow
    streams: list[StreamState]
    token: str


class Waking:
    """What a driver does with wakes. Any number of processes may: each step is done by one."""

    def __init__(self, *, store: Store, log: Log, world: World, notices: Notices, signing: Signing) -> None:
        self._store = store
        self._world = world
        self._notices = notices
        self._signing = signing
        self._tails = Tails(log)

    async def owners(self) -> frozenset[str]:
        """Who has subscriptions."""
        return await self._store.read(subscriptions.owners)

    async def next_time(self, kind: Kind, *, but: Collection[str] = (), full: Collection[str] = ()) -> float | None:
        """When there will be something to deliver; what is left out, as of :meth:`due`. Unix seconds."""
        return await self._store.read(lambda tx: subscriptions.next_attempt(tx, kind, but=but, full=full))

    async def next_lapse(self) -> float | None:
        """When a lease is over, in Unix seconds."""
        return await self._store.read(subscriptions.next_lapse)

    async def unclaimed(self, owner: str) -> list[tuple[SubscriptionRow, str]]:
        """Whose wakes were announced and are not claimed yet, each with the path of a stream that it is for."""
        return await self._store.read(lambda tx: subscriptions.unclaimed(tx, owner))

    async def lapse(self) -> None:
        """End the wakes whose leases are over."""

        def work(tx: Tx) -> list[SubscriptionRow]:
            return [subscriptions.rest(tx, row) for row in subscriptions.lapsed(tx)]

        for row in await self._store.write(work):
            self._notices.again(row.user_id, row.id)

    async def due(
        self, kind: Kind, most: int, *, but: Collection[str] = (), full: Collection[str] = ()
    ) -> list[SubscriptionRow]:
        """Whose wakes may be delivered now, in turns of their owners; without those of the ids ``but`` and of the
        owners ``full``."""
        return await self._store.read(lambda tx: subscriptions.due(tx, kind, most, but=but, full=full))

    async def take(self, row: SubscriptionRow) -> Delivery | None:
        """Take a wake that :meth:`due` told, to deliver it; None where somebody else has, or nothing is new any more.
        What it tells is what there is now."""
        links = await self._store.read(lambda tx: subscriptions.links(tx, row.id))
        if row.type == "pull-wake":
            # It is announced by one of its streams; who claims it is told of all.
            links = [link for link in links if link.snapshot is not None] or links
        paths = {link.path for link in links} if row.type == "pull-wake" else None
        looked = await self._tails.of(row, links)

        def work(tx: Tx) -> Delivery | None:
            now = subscriptions.get(tx, row.id)
            if now is None or _place(now) != _place(row) or now.next_attempt_at != row.next_attempt_at:
                return None
            told = tell(tx, now, looked, paths)
            if not any(state.pending for state in told):
                subscriptions.rest(tx, now)
                return None
            taken = subscriptions.take(tx, now, TAKEN_SECONDS)
            return Delivery(taken, told, self._signing.token(taken.id, taken.generation))

        delivery = await self._store.write(work)
        if delivery is None:
            # It may be at rest now, and what was appended since the look was not looked at.
            self._notices.again(row.user_id, row.id)
        return delivery

    async def delivered(self, delivery: Delivery, *, done: bool) -> None:
        """A wake has arrived; ``done``: all that it told is done."""
        row = delivery.row

        def work(tx: Tx) -> None:
            now = subscriptions.get(tx, row.id)
            if now is None or _place(now) != _place(row):
                return
            if done:
                before = subscriptions.links(tx, row.id)
                after = [replace(link, acked=max(link.acked, link.snapshot or 0), snapshot=None) for link in before]
                subscriptions.put_links(tx, row.id, before, after)
                subscriptions.rest(tx, now)
            else:
                subscriptions.delivered(tx, now, leased=row.type == "webhook")

        await self._store.write(work)
        if done:
            self._notices.again(row.user_id, row.id)

    async def failed(self, delivery: Delivery) -> None:
        """A wake did not arrive; it is tried again, each time later, at the latest after about a minute."""
        row = delivery.row
        delay = min(_FIRST_DELAY * 2.0 ** min(row.attempts - 1, 10), _LONGEST_DELAY)
        delay *= self._world.uniform(1 - _JITTER, 1 + _JITTER)

        def work(tx: Tx) -> None:
            now = subscriptions.get(tx, row.id)
            # Where it has no next attempt, it was reported on, so that it did arrive.
            if now is not None and _place(now) == _place(row) and now.next_attempt_at is not None:
                subscriptions.put_off(tx, now, delay)

        await self._store.write(work)


def _place(row: SubscriptionRow) -> tuple[int, str | None, int]:
    """What changes when a wake is taken, reported on to its end, or lapses."""
    return row.generation, row.wake_id, row.attempts
