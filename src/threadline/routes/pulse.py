"""What all open connections share: the beat that keeps them alive, and the word that the server is going away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from threadline.world import World

HEARTBEAT: Final = 15.0
"""Seconds after which a quiet connection shows a sign of life."""

_BEATS: Final = 3
_RECONNECT_MS: Final = (200, 2000)


class Listener(Protocol):
    """An open connection."""

    def beat(self) -> None:
        """A third of the heartbeat is over."""
        ...

    def look(self) -> None:
        """Somebody's session or token was revoked: find out anew whether you may stay."""
        ...

    def drain(self) -> None:
        """The server goes away: say so to your reader, and end."""
        ...


class Pulse:
    """One timer for all connections, so that a thousand readers do not need a thousand."""

    beats_per_heartbeat: Final = _BEATS

    def __init__(self, world: World, draining: asyncio.Event, heartbeat: float = HEARTBEAT) -> None:
        self.heartbeat = heartbeat
        self._world = world
        self._draining = draining
        self._open: set[Listener] = set()

    @property
    def draining(self) -> bool:
        """Whether the server is going away."""
        return self._draining.is_set()

    def reconnect_ms(self) -> int:
        """When a reader should come back: not all at once."""
        return int(self._world.uniform(*_RECONNECT_MS))

    async def let_others(self) -> None:
        """Everybody else has a turn."""
        await self._world.sleep(0)

    @contextmanager
    def joined(self, listener: Listener) -> Iterator[None]:
        """While it lasts, ``listener`` is told; at once, where the server is going away already."""
        self._open.add(listener)
        if self.draining:
            listener.drain()
        try:
            yield
        finally:
            self._open.discard(listener)

    def look(self) -> None:
        """Let everyone find out anew whether he may stay."""
        for listener in list(self._open):
            listener.look()

    async def run(self) -> None:
        """Beat until the server drains, then tell everyone; who joins later hears it when joining."""
        beating = asyncio.create_task(self._beat())
        try:
            await self._draining.wait()
            for listener in list(self._open):
                listener.drain()
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    async def _beat(self) -> None:
        while True:
            await self._world.sleep(self.heartbeat / _BEATS)
            for listener in list(self._open):
                listener.beat()
