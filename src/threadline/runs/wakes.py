"""The driver of subscriptions: wakes those that have something new, delivers their wakes, and ends lapsed leases."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from threadline.domain.errors import Fenced, ThreadlineError
from threadline.domain.subscriptions import Kind
from threadline.log.protocol import Log, Producer
from threadline.runs import pace
from threadline.runs.webhook import TIMEOUT_SECONDS, NotSent, Sender
from threadline.services.looking import Looking
from threadline.services.notices import Change, Notices
from threadline.services.signing import Signing
from threadline.services.streams import own
from threadline.services.waking import Delivery, Waking
from threadline.store.signals import Signals
from threadline.store.subscriptions import TOPIC, WAKES, SubscriptionRow
from threadline.wire import subscriptions as wire
from threadline.world import World

_log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 30.0
"""How often everything is looked at, whatever was noticed."""

CALLS_AT_ONCE: Final = 128
CALLS_OF_ONE: Final = 4
"""How many webhooks are called at the same time, and how many of one owner."""

_ANNOUNCE_AT_ONCE: Final = 32
_LEAST_WAIT_SECONDS: Final = 0.02
_AFTER_FAULT_SECONDS: Final = 1.0
_TRIES: Final = 3
_SHORT_SECONDS: Final = 5.0
"""How long is waited for a webhook that has failed so often in a row."""
_PAUSE: Final = 10.0
"""For how many times as long as a look at all of an owner's streams took there is no other, unless it is needed."""


@dataclass(slots=True)
class _Lane:
    """Deliveries of one kind that are under way: ids of subscriptions and their owners. There are at most ``most`` of
    them, and ``each`` of one owner."""

    kind: Kind
    most: int
    each: int
    under_way: dict[str, str] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many may begin."""
        return self.most - len(self.under_way)

    @property
    def full(self) -> set[str]:
        """The owners of whom none may begin."""
        return {owner for owner, count in Counter(self.under_way.values()).items() if count >= self.each}


class Wakes:
    """One process's share of it. An append is noticed at once in the process that made it; what any process missed, by
    a crash, too, is found at the start of the next and every ``EVERY_SECONDS``."""

    def __init__(
        self,
        *,
        waking: Waking,
        looking: Looking,
        notices: Notices,
        log: Log,
        signals: Signals,
        world: World,
        signing: Signing,
        sender: Sender,
        prefix: str,
    ) -> None:
        self._waking = waking
        self._looking = looking
        self._notices = notices
        self._log = log
        self._signals = signals
        self._world = world
        self._signing = signing
        self._sender = sender
        self._prefix = prefix
        self._lanes = (
            _Lane("webhook", CALLS_AT_ONCE, CALLS_OF_ONE),
            _Lane("pull-wake", _ANNOUNCE_AT_ONCE, CALLS_OF_ONE),
        )
        self._looks: set[asyncio.Task[None]] = set()
        self._not_before: dict[str, float] = {}

    async def run(self, draining: asyncio.Event) -> None:
        """Look and deliver until ``draining`` is set, then wait for what is under way."""
        async with asyncio.TaskGroup() as tasks:
            with self._signals.listen(WAKES) as bell, self._signals.listen(TOPIC) as known:
                known.set()
                forward = tasks.create_task(pace.forward(draining, bell))
                look_at_all = 0.0
                while not draining.is_set():
                    bell.clear()
                    try:
                        now = self._world.monotonic()
                        if now >= look_at_all or known.is_set():
                            known.clear()
                            await self._know(now, all_of_them=now >= look_at_all)
                            look_at_all = now + EVERY_SECONDS if now >= look_at_all else look_at_all
                        for change in self._notices.take():
                            self._begin_to_look(tasks, change)
                        wait = await self._deliver_due(tasks)
                    except Exception:
                        _log.exception("subscriptions were not looked at")
                        known.set()
                        wait = _AFTER_FAULT_SECONDS
                    await pace.heard(bell, min(wait, look_at_all - self._world.monotonic()))
                await forward
                for look in self._looks:
                    # It has nothing to hand over: whoever comes next looks at everything.
                    look.cancel()

    async def _know(self, now: float, *, all_of_them: bool) -> None:
        owners = await self._waking.owners()
        self._not_before = {owner: at for owner, at in self._not_before.items() if at > now and owner in owners}
        self._notices.know(owners, whole=owners - self._not_before.keys() if all_of_them else ())

    def _begin_to_look(self, tasks: asyncio.TaskGroup, change: Change) -> None:
        task = tasks.create_task(self._look_at(change))
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    async def _look_at(self, change: Change) -> None:
        try:
            spent = await self._looking.look(change)
            if change.paths is None:
                self._not_before[change.owner] = self._world.monotonic() + _PAUSE * spent
                await self._announce_again(change.owner)
        except Exception:
            # It is looked at again with everything, however lately that was done.
            self._not_before.pop(change.owner, None)
            _log.exception("subscriptions were not looked at")

    async def _announce_again(self, owner: str) -> None:
        """Who removed a wake stream removed what it told, too. An announcement that is still there stays the one."""
        for row, path in await self._waking.unclaimed(owner):
            await self._tell(row, path)

    async def _deliver_due(self, tasks: asyncio.TaskGroup) -> float:
        """Begin the deliveries that are due; returns in how many seconds there may be more to do."""
        lapse = await self._waking.next_lapse()
        if lapse is not None and lapse <= self._world.now():
            await self._waking.lapse()
            lapse = await self._waking.next_lapse()
        times = [lapse, *[await self._deliver_of(lane, tasks) for lane in self._lanes]]
        at = min((time for time in times if time is not None), default=None)
        return EVERY_SECONDS if at is None else max(at - self._world.now(), _LEAST_WAIT_SECONDS)

    async def _deliver_of(self, lane: _Lane, tasks: asyncio.TaskGroup) -> float | None:
        """Begin what is due in a lane; returns when something is that could begin then. The next that ends rings."""
        while lane.room > 0:
            leave_out = {"but": frozenset(lane.under_way), "full": lane.full}
            at = await self._waking.next_time(lane.kind, **leave_out)
            if at is None or at > self._world.now():
                return at
            rows = await self._waking.due(lane.kind, lane.room, **leave_out)
            for row in rows:
                if row.user_id not in lane.full:
                    lane.under_way[row.id] = row.user_id
                    tasks.create_task(self._deliver(lane, row))
            if not rows:
                break
        return None

    async def _deliver(self, lane: _Lane, row: SubscriptionRow) -> None:
        try:
            delivery = await self._waking.take(row)
            if delivery is None:
                return
            call = self._call if row.type == "webhook" else self._announce
            done = await call(delivery)
            if done is None:
                await self._waking.failed(delivery)
            else:
                await self._waking.delivered(delivery, done=done)
        except Exception:
            # Whoever has taken it and says nothing loses it to the next, after a while.
            _log.exception("a wake was not delivered", extra={"subscription": row.id})
            await self._world.sleep(_AFTER_FAULT_SECONDS)
        finally:
            del lane.under_way[row.id]
            self._signals.poke(WAKES)

    async def _call(self, delivery: Delivery) -> bool | None:
        """Call a webhook; whether it is done, None where it did not take the wake."""
        row = delivery.row
        assert row.webhook_url is not None
        assert row.wake_id is not None
        callback = f"{row.base}{self._prefix}__ds/subscriptions/{quote(row.name, safe='')}/callback"
        body = wire.wake(
            row.name,
            row.wake_id,
            row.generation,
            delivery.streams,
            owner=row.user_id,
            url=row.webhook_url,
            callback=callback,
            token=delivery.token,
        )
        headers = {"webhook-signature": self._signing.signature(body, self._world.now())}
        try:
            seconds = _SHORT_SECONDS if row.attempts > _TRIES else TIMEOUT_SECONDS
            answered = await self._sender.send(row.webhook_url, body, headers, seconds)
        except NotSent as fault:
            _log.info("a webhook did not take its wake: %s", fault, extra={"subscription": row.id})
            return None
        if not 200 <= answered.status < 300:
            _log.info("a webhook answered %d", answered.status, extra={"subscription": row.id})
            return None
        return wire.is_done(answered.body)

    async def _announce(self, delivery: Delivery) -> bool | None:
        """Append to a wake stream; see ``_call``."""
        path = next(stream.path for stream in delivery.streams if stream.pending)
        return False if await self._tell(delivery.row, path) else None

    async def _tell(self, row: SubscriptionRow, path: str) -> bool:
        """Append to a wake stream, once for each generation, however often it is tried; whether it is there."""
        assert row.wake_stream is not None
        message = wire.announcement(row.name, path, row.generation, self._world.now())
        producer = Producer(f"__ds/{row.id}", row.generation, 0)
        try:
            done = await self._log.append(own(row.user_id, row.wake_stream), [message], producer=producer)
        except Fenced:
            return True
        except ThreadlineError as fault:
            _log.info("a wake stream did not take a wake: %s", fault.code, extra={"subscription": row.id})
            return False
        if not done.duplicate:
            self._notices.appended(row.user_id, row.wake_stream)
        return True
