"""The feed: what changed for a user, in order and from any offset, read like a stream of the log."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from threadline.log.channel import Channel, follow, spared
from threadline.log.protocol import Batch, Reading, Steps
from threadline.log.shares import Share
from threadline.store import changes
from threadline.store.database import Store
from threadline.store.signals import Signals

_AT_ONCE: Final = 500


class Feed:
    """Reads the outboxes of the users' changes.

    Offsets are gap-free from 0 for each user. A feed keeps the newest 10,000 changes, none longer than 7 days; what is
    below raises ``Gone``, and the reader loads the lists anew and goes on from :meth:`tail`.
    """

    def __init__(self, store: Store, signals: Signals) -> None:
        self._store = store
        self._signals = signals

    async def tail(self, user_id: str) -> int:
        """The offset that the user's next change will get."""
        return await self._store.read(lambda tx: changes.tail(tx, user_id))

    async def read(self, user_id: str, start: int = 0) -> Reading:
        """The changes that are there now from ``start`` on, at most 500 of them and about a megabyte."""
        page = await self._store.read(lambda tx: changes.read(tx, user_id, start, _AT_ONCE))
        batch = Batch(page.first, page.events)
        return Reading((batch,) if page.events else (), batch.next, up_to_date=batch.next >= page.tail, closed=False)

    async def check(self, user_id: str, start: int) -> None:
        """Raises ``Gone`` where the feed cannot be read from ``start`` on."""
        await self._store.read(lambda tx: changes.read(tx, user_id, start, 1))

    async def follow(self, user_id: str, start: int = 0, *, share: Share | None = None) -> Steps:
        """Everything from ``start`` on, for ever: what is kept, then what is committed, each change once and in order.

        Close the iterator (``contextlib.aclosing``) when leaving. ``share`` is as in ``Log.follow``.
        """
        channel, source = Channel(), spared(_Source(self, user_id), share)
        with self._signals.attach(changes.topic(user_id), channel.ring_bell):
            async with aclosing(follow(source, channel, start)) as steps:
                async for batches in steps:
                    yield batches


class _Source:
    def __init__(self, feed: Feed, user_id: str) -> None:
        self._feed = feed
        self._user_id = user_id

    async def read(self, start: int) -> Reading:
        return await self._feed.read(self._user_id, start)
