"""Subscriptions to streams, as their owners and those who are awake use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from threadline.domain.addresses import fault_of
from threadline.domain.subscriptions import (
    MAX_STREAMS,
    MAX_SUBSCRIPTIONS,
    Kind,
    Link,
    Looked,
    Report,
    StreamState,
    Tail,
    Wanted,
    acknowledged,
    check_room,
    gone,
    refusal,
)
from threadline.log.protocol import Log
from threadline.services.awakening import begin, new_wake, tell
from threadline.services.looking import Tails
from threadline.services.notices import Notices
from threadline.services.signing import Signing
from threadline.store import subscriptions
from threadline.store.database import Store
from threadline.store.subscriptions import SubscriptionRow
from threadline.store.transaction import Tx
from threadline.world import World

__all__ = ["Claimed", "Shown", "SubscriptionRow", "Subscriptions"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscription and its streams."""

    row: SubscriptionRow
    links: list[Link]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A wake that a worker has now."""

    row: SubscriptionRow
    streams: list[StreamState]
    token: str


class Subscriptions:
    """The subscriptions of users, by their names. Every refusal carries one of the protocol's codes.

    ``loopback``: webhooks may be on this very machine.
    """

    def __init__(
        self, *, store: Store, log: Log, world: World, notices: Notices, signing: Signing, loopback: bool = False
    ) -> None:
        self._store = store
        self._world = world
        self._notices = notices
        self._tails = Tails(log)
        self._loopback = loopback
        self.signing = signing

    async def create(self, owner: str, name: str, wanted: Wanted, base: str) -> tuple[Shown, bool]:
        """Make a subscription, which hears of what comes from now on; False for one that was there already.

        ``base`` is the server's own address, for those who are woken. Raises ``WEBHOOK_URL_REJECTED``,
        ``SUBSCRIPTION_ALREADY_EXISTS``, where one of this name asks for something else, and ``LIMIT_REACHED``.
        """
        fault = None if wanted.url is None else fault_of(wanted.url, loopback=self._loopback)
        if fault is not None:
            raise refusal("WEBHOOK_URL_REJECTED", fault)
        there = await self._store.read(lambda tx: _confirmed(tx, owner, name, wanted))
        if there is not None:
            return there, False
        looked = await self._look(owner, wanted)

        def work(tx: Tx) -> tuple[Shown, bool]:
            there = _confirmed(tx, owner, name, wanted)
            if there is not None:
                return there, False
            _check_count(tx, owner)
            row = subscriptions.add(tx, owner, name, wanted, base)
            links = [_begun(path, looked, glob=True, explicit=path in wanted.streams) for path in looked.matching]
            links += [
                _begun(path, looked, glob=False, explicit=True)
                for path in wanted.streams
                if path not in looked.matching
            ]
            subscriptions.put_links(tx, row.id, [], links)
            return Shown(row, sorted(links, key=lambda link: link.path)), True

        made = await self._store.write(work)
        self._notices.made(owner)
        return made

    async def _look(self, owner: str, wanted: Wanted) -> Looked:
        """What a new subscription would have. Raises ``LIMIT_REACHED``."""
        await self._store.read(lambda tx: _check_count(tx, owner))
        matching: dict[str, Tail] = {}
        if wanted.pattern is not None:
            matching = await self._tails.listed(owner, wanted.pattern, wanted.wake_stream, MAX_STREAMS + 1)
        others = [path for path in wanted.streams if path not in matching]
        check_room(len(matching) + len(others))
        return Looked(matching, await self._tails.at(owner, others))

    async def get(self, owner: str, name: str) -> Shown:
        """A subscription. Raises ``SUBSCRIPTION_NOT_FOUND``."""
        return await self._store.read(lambda tx: _shown(tx, _named(tx, owner, name)))

    async def delete(self, owner: str, name: str) -> None:
        """Forget a subscription; nothing happens where there is none."""

        def work(tx: Tx) -> None:
            row = subscriptions.named(tx, owner, name)
            if row is not None:
                subscriptions.remove(tx, row.id)

        await self._store.write(work)

    async def add(self, owner: str, name: str, paths: Sequence[str]) -> None:
        """Name streams, from where they are now on. Raises ``SUBSCRIPTION_NOT_FOUND``, ``LIMIT_REACHED``, and
        ``INVALID_REQUEST`` for the stream that it wakes by."""
        row = (await self.get(owner, name)).row
        if row.wake_stream in paths:
            raise refusal("INVALID_REQUEST", "wake_stream cannot be one of the streams: it would wake itself.")
        looked = Looked({}, await self._tails.at(owner, paths))

        def work(tx: Tx) -> None:
            before = subscriptions.links(tx, _by_id(tx, row.id, name).id)
            known = {link.path: link for link in before}
            for path in paths:
                link = known.get(path)
                known[path] = (
                    _begun(path, looked, glob=False, explicit=True) if link is None else replace(link, explicit=True)
                )
            check_room(len(known))
            subscriptions.put_links(tx, row.id, before, list(known.values()))

        await self._store.write(work)
        self._notices.again(owner, row.id)

    async def remove(self, owner: str, name: str, path: str) -> None:
        """Do not name a stream any more; where the pattern takes it, it stays. Raises ``SUBSCRIPTION_NOT_FOUND``."""

        def work(tx: Tx) -> None:
            row = _named(tx, owner, name)
            before = subscriptions.links(tx, row.id)
            after = [replace(link, explicit=False) if link.path == path else link for link in before]
            subscriptions.put_links(tx, row.id, before, [link for link in after if link.explicit or link.glob])

        await self._store.write(work)

    async def claim(self, owner: str, name: str, worker: str) -> Claimed:
        """Take the wake of a pull-wake subscription, or begin one, for a lease. Raises ``ALREADY_CLAIMED``,
        ``NO_PENDING_WORK``, ``SUBSCRIPTION_NOT_FOUND``, and ``INVALID_REQUEST`` for a webhook's."""
        # What was appended before the claim counts, also where nobody has looked at it yet.
        unseen = self._notices.unseen(owner)
        shown = await self.get(owner, name)
        _check_kind(shown.row, "pull-wake")
        looked = await self._tails.of(shown.row, shown.links, unseen)
        wake_id = new_wake(self._world)

        def work(tx: Tx) -> Claimed | None:
            row = _named(tx, owner, name)
            if row.holder is not None and (row.lease_until or 0.0) > tx.now:
                message = "Another worker has this wake. Wait until it is done, or its lease is over."
                details = {"current_holder": row.holder, "generation": row.generation}
                raise refusal("ALREADY_CLAIMED", message, **details)
            if row.holder is not None:
                row = subscriptions.rest(tx, row)
            if row.wake_id is None:
                begun = begin(tx, row, looked, wake_id, announced=False)
                if begun is None:
                    return None
                row, told = begun
            else:
                told = tell(tx, row, looked)
                if not any(state.pending for state in told):
                    subscriptions.rest(tx, row)
                    return None
            held = subscriptions.hold(tx, row, worker)
            return Claimed(held, told, self.signing.token(held.id, held.generation))

        claimed = await self._store.write(work)
        if claimed is None:
            self._notices.again(owner, shown.row.id)
            raise refusal("NO_PENDING_WORK", "There is nothing new for this subscription.")
        return claimed

    async def report(self, name: str, token: str, kind: Kind, report: Report) -> bool:
        """What whoever is awake says, by its token: what is acknowledged stays so, and the lease begins anew, or the
        wake is over. Returns whether the next wake has begun.

        Raises ``TOKEN_INVALID``, ``SUBSCRIPTION_NOT_FOUND``, ``FENCED`` for a wake that is over, and
        ``INVALID_OFFSET``, where nothing is acknowledged.
        """

        def work(tx: Tx, row: SubscriptionRow, looked: Looked) -> bool:
            before = subscriptions.links(tx, row.id)
            subscriptions.put_links(tx, row.id, before, acknowledged(before, looked, report.acks))
            if report.done:
                return begin(tx, subscriptions.rest(tx, row), looked, wake_id) is not None
            subscriptions.hold(tx, row, row.holder)
            return False

        wake_id = new_wake(self._world)
        return await self._under_fence(name, token, kind, report, work)

    async def release(self, name: str, token: str, report: Report) -> None:
        """Give a wake back: who claims next begins where this one has acknowledged. Raises as :meth:`report`."""

        def work(tx: Tx, row: SubscriptionRow, looked: Looked) -> None:
            begin(tx, subscriptions.rest(tx, row), looked, wake_id)

        wake_id = new_wake(self._world)
        await self._under_fence(name, token, "pull-wake", report, work)

    async def _under_fence(
        self, name: str, token: str, kind: Kind, report: Report, work: Callable[[Tx, SubscriptionRow, Looked], T]
    ) -> T:
        found = self.signing.read(token)
        if found is None:
            raise refusal("TOKEN_INVALID", "This token is not one of a wake's.")
        subscription_id, generation = found
        shown = await self._store.read(lambda tx: _shown(tx, _by_id(tx, subscription_id, name)))
        _check_kind(shown.row, kind)
        looked = await self._tails.of(shown.row, shown.links)

        def fenced(tx: Tx) -> T:
            row = _by_id(tx, subscription_id, name)
            if (row.wake_id, row.generation, generation) != (report.wake_id, report.generation, row.generation):
                raise refusal("FENCED", "This wake is over; a newer one has its place, or will.")
            return work(tx, row, looked)

        result = await self._store.write(fenced)
        # What was appended between the look and the transaction is looked at once more.
        self._notices.again(shown.row.user_id, shown.row.id)
        return result


def _named(tx: Tx, owner: str, name: str) -> SubscriptionRow:
    row = subscriptions.named(tx, owner, name)
    if row is None:
        raise gone()
    return row


def _by_id(tx: Tx, subscription_id: str, name: str) -> SubscriptionRow:
    row = subscriptions.get(tx, subscription_id)
    if row is None or row.name != name:
        raise gone()
    return row


def _confirmed(tx: Tx, owner: str, name: str, wanted: Wanted) -> Shown | None:
    row = subscriptions.named(tx, owner, name)
    if row is None:
        return None
    if row.digest != wanted.digest:
        message = "There is a subscription of this name that asks for something else. Delete it, or choose another."
        raise refusal("SUBSCRIPTION_ALREADY_EXISTS", message)
    return _shown(tx, row)


def _check_count(tx: Tx, owner: str) -> None:
    if subscriptions.count_of_user(tx, owner) >= MAX_SUBSCRIPTIONS:
        raise refusal("LIMIT_REACHED", f"You have {MAX_SUBSCRIPTIONS} subscriptions. Delete one that is not needed.")


def _shown(tx: Tx, row: SubscriptionRow) -> Shown:
    return Shown(row, subscriptions.links(tx, row.id))


def _check_kind(row: SubscriptionRow, kind: Kind) -> None:
    if row.type != kind:
        raise refusal("INVALID_REQUEST", f"This is not a {kind} subscription.")


def _begun(path: str, looked: Looked, *, glob: bool, explicit: bool) -> Link:
    """A link to a stream from where it is now on."""
    tail = looked.of(path)
    return Link(path, explicit, glob, 0 if tail is None else tail.offset, None, None if tail is None else tail.born)
