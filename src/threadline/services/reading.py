"""Reading what is another's: whoever follows it does so for exactly as long as he may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from threadline.log.protocol import Batch, Steps
from threadline.services.access import access
from threadline.services.leaving import topic
from threadline.store.database import Store
from threadline.world import World

_TRUSTED_SECONDS: Final = 5.0
"""How long what was looked up holds where no bell rings: a link may be over meanwhile, or have been revoked by another
process."""


async def while_readable(
    store: Store, world: World, follow: Callable[[int], Steps], start: int, user_id: str, conversation_id: str
) -> Steps:
    """What ``follow`` gives from offset ``start`` on, each step once. Raises ``NotFound`` as soon as this user may not
    read the conversation any more, also while nothing comes."""
    wait, at = _Wait(), start
    with store.signals.attach(topic(conversation_id), wait.doubt):
        while True:
            wait.doubtful = False
            await store.read(lambda tx: access(tx, user_id, conversation_id, "run"))
            known_at = world.monotonic()
            async with aclosing(follow(at)) as steps:
                while (batches := await wait.next(steps)) is not None:
                    if world.monotonic() - known_at > _TRUSTED_SECONDS:
                        await store.read(lambda tx: access(tx, user_id, conversation_id, "run"))
                        known_at = world.monotonic()
                    at, final = batches[-1].next, batches[-1].final
                    yield batches
                    # What is sent is not kept while there is nothing more to send.
                    del batches
                    if final:
                        return
            if not wait.doubtful:
                return


class _Wait:
    """A wait for the next step, which ends early where it is in doubt whether that may be read."""

    def __init__(self) -> None:
        self.doubtful = False
        self._patience: asyncio.Timeout | None = None

    def doubt(self) -> None:
        """Somebody may have lost his access."""
        self.doubtful = True
        if self._patience is not None:
            # A time that is past: it is over at once.
            self._patience.reschedule(0.0)

    async def next(self, steps: Steps) -> tuple[Batch, ...] | None:
        """None at the end, and where it is in doubt; then ``steps`` are not gone on with."""
        if self.doubtful:
            return None
        self._patience = patience = asyncio.timeout(None)
        try:
            async with patience:
                return await anext(steps, None)
        except TimeoutError:
            if not patience.expired():
                raise
            return None
        finally:
            self._patience = None
