"""The fan-out of one stream within the process: what was committed last, and who waits for more.

A follower opens its channel before it reads, so that nothing is missed between what it read and what is published. All
followers get the very same batches. Who falls behind the few batches that are kept here is served by its source.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol
from weakref import WeakValueDictionary

from threadline.domain.errors import Gone, ThreadlineError, Unavailable
from threadline.log.commands import Effect, Ended, Made, Published, Trimmed
from threadline.log.protocol import Batch, Reading, Steps
from threadline.log.shares import Share

RING_BYTES: Final = 64 * 1024
"""How much of a stream's newest batches a channel keeps."""
NEWEST_BYTES: Final = 256 * 1024
"""How large the newest one may be while somebody follows; what is larger is read from the source."""
RECENT: Final = 64
"""How many channels are kept without followers, for those who come back."""


class Source(Protocol):
    """Where a follower reads what its channel does not have."""

    async def read(self, start: int) -> Reading:
        """What is committed from ``start`` on, as much of it as is fit at once."""
        ...


class Channel:
    """The newest batches of one stream and those who wait for more. Used from the event loop alone.

    ``tail`` is the offset after all that was committed, where publishing tells it; None where a source must be asked.
    ``version`` changes with everything that may give a follower more to read. ``newest`` is the last batch alone, which
    is what nearly every follower of a busy stream takes next.
    """

    __slots__ = (
        *("__weakref__", "failure", "newest", "tail", "version"),
        *("_bytes", "_followers", "_ring", "_sizes", "_waiters"),
    )

    def __init__(self) -> None:
        self.tail: int | None = None
        self.version = 0
        self.failure: Callable[[], ThreadlineError] | None = None
        self.newest: tuple[Batch, ...] = ()
        self._ring: deque[Batch] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._followers = 0
        self._waiters: dict[asyncio.Future[None], None] = {}

    def publish(self, batch: Batch) -> None:
        """Tell of a batch that is committed; batches come in order."""
        if batch.first != self.tail:
            self._clear()
        size = batch.size
        if size > RING_BYTES and (size > NEWEST_BYTES or not self._followers):
            self._forget(batch)
            self._wake()
            return
        self._ring.append(batch)
        self._sizes.append(size)
        self._bytes += size
        self.newest = (batch,)
        self.tail = batch.next
        while self._bytes > RING_BYTES and len(self._ring) > 1:
            self._ring.popleft()
            self._bytes -= self._sizes.popleft()
        self._wake()

    def ring_bell(self) -> None:
        """Tell that there may be more to read, where what it is is not known here."""
        self._clear()
        self.tail = None
        self._wake()

    def trim(self, before: int) -> None:
        """Forget batches of which something may not be read any more."""
        while self._ring and self._ring[0].first < before:
            self._ring.popleft()
            self._bytes -= self._sizes.popleft()
        if not self._ring:
            # With the newest batch goes the knowledge whether it was the last.
            self.newest = ()
            self.tail = None

    def fail(self, failure: Callable[[], ThreadlineError]) -> None:
        """End all followers with an error."""
        self.failure = failure
        self._clear()
        self._wake()

    def since(self, offset: int) -> tuple[Batch, ...]:
        """The batches from ``offset`` on, as far as they are here; none where the channel cannot tell."""
        ring = self._ring
        if not ring or offset < ring[0].first:
            return ()
        last = ring[-1]
        if offset >= last.next and not (last.final and not last.messages and offset == last.first):
            return (Batch(offset, (), final=True),) if last.final else ()
        if offset >= last.first:
            return (last.since(offset),)
        found = []
        for batch in reversed(ring):
            found.append(batch)
            if batch.first <= offset:
                break
        found[-1] = found[-1].since(offset)
        found.reverse()
        return tuple(found)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While somebody follows. When the last one has left, little is kept for who comes back."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._tidy()

    def waiter(self) -> asyncio.Future[None]:
        """A future of one follower, which is done at the next change."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        return waiter

    def leave(self, waiter: asyncio.Future[None]) -> None:
        """Forget a follower's future."""
        self._waiters.pop(waiter, None)

    def _forget(self, newest: Batch) -> None:
        """Keep nothing but where the newest batch ended; whether it was the last, the source knows."""
        self._clear()
        self.tail = None if newest.final else newest.next

    def _tidy(self) -> None:
        if self._bytes > RING_BYTES:
            self._forget(self._ring[-1])
        for batch in self._ring:
            batch.frames.clear()

    def _wake(self) -> None:
        self.version += 1
        if self._waiters:
            waiters, self._waiters = self._waiters, {}
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _clear(self) -> None:
        self._ring.clear()
        self._sizes.clear()
        self._bytes = 0
        self.newest = ()


async def follow(source: Source, channel: Channel, start: int, *, sure: bool = True) -> Steps:
    """Everything from ``start`` on, each message once and in order; ends after a final batch.

    ``channel`` must be open before this is called. A source that marks no batch as final, but says ``closed``, is
    ended with a final batch without messages, also for who starts beyond its tail. Where it is not ``sure`` that the
    channel is of the stream that is meant, the source is asked first: it refuses another.
    """
    at = start
    checked = -1
    reading: Reading | None = None
    with channel.followed():
        while True:
            if channel.failure is not None:
                raise channel.failure()
            batches = channel.newest if sure else ()
            if sure and (not batches or batches[0].first != at):
                batches = channel.since(at)
            if not batches:
                if sure and (checked == channel.version or (channel.tail is not None and at >= channel.tail)):
                    waiter = channel.waiter()
                    try:
                        await waiter
                    finally:
                        channel.leave(waiter)
                    continue
                version = channel.version
                reading = await source.read(at)
                sure = True
                if channel.failure is not None:
                    raise channel.failure()
                if reading.up_to_date and not reading.closed:
                    checked = version
                batches = reading.batches
                if not batches:
                    if not reading.closed:
                        continue
                    batches = (Batch(at, (), final=True),)
                elif not reading.up_to_date:
                    # Not in a variable of its own, which would keep it while this waits.
                    batches = (*batches[:-1], replace(batches[-1], frames={}, more=True))
            at, final = batches[-1].next, batches[-1].final
            yield batches
            if final:
                return
            # What a follower has sent is not kept while it waits for more.
            batches, reading = (), None


def spared(source: Source, share: Share | None) -> Source:
    """A source that reads only with a share in hand, where there is one. What a channel has costs none: all who follow
    it have it together."""
    return source if share is None else _Spared(source, share)


class _Spared:
    def __init__(self, source: Source, share: Share) -> None:
        self._source = source
        self._share = share

    async def read(self, start: int) -> Reading:
        await self._share.take()
        try:
            reading = await self._source.read(start)
        except BaseException:
            self._share.drop()
            raise
        self._share.keep(sum(batch.size for batch in reading.batches))
        return reading


class Channels:
    """The channels by name; one that nobody holds and that was not opened lately is dropped, with what it kept."""

    def __init__(self) -> None:
        self._live: WeakValueDictionary[str, Channel] = WeakValueDictionary()
        self._recent: OrderedDict[str, Channel] = OrderedDict()
        self._failure: Callable[[], ThreadlineError] | None = None

    def __len__(self) -> int:
        return len(self._live)

    def open(self, name: str) -> Channel:
        """The channel of a stream, which hears everything that is published from now on as long as it is held."""
        channel = self._live.get(name)
        if channel is None:
            channel = self._live[name] = Channel()
            channel.failure = self._failure
        self._recent[name] = channel
        self._recent.move_to_end(name)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return channel

    def get(self, name: str) -> Channel | None:
        """The channel of a stream, where somebody follows it or did lately."""
        return self._live.get(name)

    def deliver(self, effects: Iterable[Effect]) -> None:
        """Tell the followers what a commit did."""
        live = self._live
        for effect in effects:
            channel = live.get(effect.name)
            if channel is None:
                continue
            match effect:
                case Published():
                    channel.publish(effect.batch)
                case Made():
                    channel.ring_bell()
                case Trimmed():
                    channel.trim(effect.first)
                case Ended():
                    channel.fail(_deleted)
                    self._drop(effect.name)

    def close(self) -> None:
        """End all followers, also those still to come: the log is closed."""
        self._failure = _closing
        for channel in list(self._live.values()):
            channel.fail(_closing)
        self._recent.clear()

    def _drop(self, name: str) -> None:
        self._recent.pop(name, None)
        self._live.pop(name, None)


def _deleted() -> ThreadlineError:
    return Gone("This stream was deleted.", surface="stream")


def _closing() -> ThreadlineError:
    return Unavailable("The log is closed.", surface="stream")
