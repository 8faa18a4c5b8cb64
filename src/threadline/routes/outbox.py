"""What waits to be sent on one socket: small frames first, then a turn for each stream on it that has events."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from threadline.log.channel import NEWEST_BYTES
from threadline.log.protocol import Batch
from threadline.routes.streams import Encoder, frames

_TURN_BYTES: Final = 128 * 1024
_WORDS: Final = 64


class Channel(ABC):
    """One stream's place in the outbox: it holds what was read last, and nothing is read until that is sent.

    ``encoder`` makes what is the same for all who read a batch.
    """

    encoder: Encoder

    def __init__(self, outbox: Outbox, name: str) -> None:
        self.name = name
        self._outbox = outbox
        self._pending: deque[Batch] = deque()
        self._sent = asyncio.Event()

    async def put(self, batches: Iterable[Batch]) -> None:
        """Hand over batches that follow one another, and wait until they are sent: a slow socket makes only those wait
        who read for it."""
        for batch in batches:
            self._pending.extend(_pieces(batch))
        if self._pending:
            self._sent.clear()
            self._outbox.ready(self)
            await self._sent.wait()

    @abstractmethod
    def dress(self, first: int, parts: Sequence[bytes]) -> list[str]:
        """The frames for this reader, of what the encoder made of batches that follow one another, none of them empty;
        ``first`` is the offset of the first event."""

    def drop(self) -> None:
        """Send no more, and keep nothing of what waits."""
        self._pending.clear()

    def take(self) -> list[str]:
        """The next frames: what there is, up to one turn's share, and at least one batch; none where it was dropped."""
        if not self._pending:
            return []
        first = self._pending[0].first
        parts: list[bytes] = []
        size = 0
        while self._pending and size < _TURN_BYTES:
            parts.append(frames(self._pending.popleft(), self.encoder))
            size += len(parts[-1])
        return self.dress(first, parts)

    def rest(self) -> bool:
        """Whether another turn is needed; if not, who waits in :meth:`put` goes on."""
        if self._pending:
            return True
        self._sent.set()
        return False


def _pieces(batch: Batch) -> Iterator[Batch]:
    """A batch as it is, so that what is made of it is shared; one that is too large for any to share, in turns."""
    if len(batch.messages) < 2 or batch.size <= NEWEST_BYTES:
        if batch.messages:
            yield batch
        return
    start, size = 0, 0
    for at, message in enumerate(batch.messages):
        if at > start and size + len(message) > _TURN_BYTES:
            yield Batch(batch.first + start, batch.messages[start:at])
            start, size = at, 0
        size += len(message)
    yield Batch(batch.first + start, batch.messages[start:])


class Outbox:
    """The sending side of a socket; bounded, and fair between streams."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._words: deque[str] = deque()
        self._turns: deque[Channel] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    async def say(self, frame: str) -> None:
        """Queue a small frame; waits while too many are queued already."""
        while len(self._words) >= _WORDS:
            self._room.clear()
            await self._room.wait()
        self.say_now(frame)

    def say_now(self, frame: str) -> None:
        """Queue a small frame of the server's own, of which there are never many; dropped where there is no room."""
        if len(self._words) < _WORDS:
            self._words.append(frame)
            self._wake.set()

    def ready(self, channel: Channel) -> None:
        """Put a channel with events at the end of the row."""
        self._turns.append(channel)
        self._wake.set()

    async def run(self) -> None:
        """Send for ever. Raises what sending raises."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._words or self._turns:
                if self._words:
                    await self._send(self._words.popleft())
                    self._room.set()
                    continue
                channel = self._turns.popleft()
                for frame in channel.take():
                    await self._send(frame)
                if channel.rest():
                    self._turns.append(channel)
