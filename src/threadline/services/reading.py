"""Reading what is another's: whoever follows it does so for exactly as long as he may."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from threadline.domain.errors import ThreadlineError
from threadline.log.protocol import Batch, Steps
from threadline.services.access import access
from threadline.services.leaving import topic
from threadline.store.database import Store
from threadline.world import World

_TRUSTED_SECONDS: Final = 5.0
"""How long what was looked up holds where no bell rings: a link may be over meanwhile, or have been revoked by another
process."""


async def while_readable(store: Store, world: World, steps: Steps, user_id: str, conversation_id: str) -> Steps:
    """The same steps. Raises ``NotFound`` as soon as this user may not read the conversation any more, also while
    nothing comes; nothing is handed on while that is in doubt."""
    watch = _Watch(store, world, user_id, conversation_id)
    with store.signals.attach(topic(conversation_id), watch.ring):
        try:
            async with aclosing(steps):
                await watch.look()
                while (batches := await watch.next(steps)) is not None:
                    yield batches
                    # What is sent is not kept while there is nothing more to send.
                    del batches
        finally:
            await watch.close()


class _Watch:
    """Whether one reader may still read: looked up before a step where it is in doubt, and at once where he waits."""

    def __init__(self, store: Store, world: World, user_id: str, conversation_id: str) -> None:
        self._store = store
        self._world = world
        self._user_id = user_id
        self._conversation_id = conversation_id
        self._rings = self._heeded = 0
        self._known_at = 0.0
        self._fault: ThreadlineError | None = None
        self._patience: asyncio.Timeout | None = None
        self._looking: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Somebody may have lost his access."""
        self._rings += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._find_out())

    async def look(self) -> None:
        """Raises ``NotFound`` where he may not read."""
        rings, now = self._rings, self._world.monotonic()
        await self._store.read(lambda tx: access(tx, self._user_id, self._conversation_id, "run"))
        self._heeded, self._known_at = max(self._heeded, rings), now

    async def next(self, steps: Steps) -> tuple[Batch, ...] | None:
        """The next step; None at the end. Raises what :meth:`look` raises."""
        if self._fault is not None:
            raise self._fault
        found = await self._wait(steps)
        if self._heeded < self._rings or self._world.monotonic() - self._known_at > _TRUSTED_SECONDS:
            await self.look()
        return found

    async def close(self) -> None:
        """Nobody reads any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _wait(self, steps: Steps) -> tuple[Batch, ...] | None:
        self._patience = patience = asyncio.timeout(None)
        try:
            async with patience:
                return await anext(steps, None)
        except TimeoutError:
            if self._fault is None or not patience.expired():
                raise
            raise self._fault from None
        finally:
            self._patience = None

    async def _find_out(self) -> None:
        try:
            while self._heeded < self._rings:
                await self.look()
        except ThreadlineError as fault:
            self._fault = fault
            if self._patience is not None:
                # A time that is past: the wait is over at once.
                self._patience.reschedule(0.0)
