"""The sweeper: now and then frees what is not needed any more, and finishes what a crash left half done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from threadline.domain.errors import Gone, NotFound
from threadline.domain.ids import run_stream
from threadline.domain.trail import expand
from threadline.log.protocol import Log
from threadline.runs import pace
from threadline.runs.config import RunConfig
from threadline.services.conversations import Conversations
from threadline.store import changes, messages, runs, sessions
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.store.transaction import Tx
from threadline.world import World

_log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 30.0
_AT_ONCE: Final = 50


class Sweeper:
    """Trims the streams of folded runs, removes expired streams, deleted conversations, old changes and sessions.

    ``others`` each remove some of something else, and tell how many went; 0: there is no more of it now."""

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        signals: Signals,
        world: World,
        conversations: Conversations,
        config: RunConfig,
        others: Sequence[Callable[[], Awaitable[int]]] = (),
    ) -> None:
        self._signals = signals
        self._store = store
        self._log = log
        self._world = world
        self._conversations = conversations
        self._config = config
        self._others = others

    async def run(self, draining: asyncio.Event) -> None:
        """Sweep at once, then every ``EVERY_SECONDS`` and when the last run of something deleted has ended, until
        ``draining`` is set. A sweep that fails is tried again at the next turn."""

        async def turn() -> float:
            try:
                await self.sweep(draining)
            except Exception:
                _log.exception("sweep failed")
            return EVERY_SECONDS

        with self._signals.listen("deleted") as bell:
            await pace.repeat(draining, bell, turn)

    async def sweep(self, draining: asyncio.Event | None = None) -> None:
        """One turn of everything; leaves off early when ``draining`` is set."""
        before = self._world.now() - self._config.retention_seconds
        await self._over_and_over(lambda: self._conversations.retire(before), draining)
        await self._over_and_over(self._conversations.sweep, draining)
        for other in self._others:
            await self._over_and_over(other, draining)
        await self._log.expire()
        await self._store.write(changes.forget_old)
        await self._store.write(sessions.remove_expired)
        while not (draining is not None and draining.is_set()) and await self.trim() == _AT_ONCE:
            await self._world.sleep(0)

    async def _over_and_over(self, some: Callable[[], Awaitable[int]], draining: asyncio.Event | None) -> None:
        """Until there is nothing more to do."""
        while not (draining is not None and draining.is_set()) and await some():
            await self._world.sleep(0)

    async def trim(self) -> int:
        """Let go of the events of answers that ended longer ago than the retention; returns how many were looked at.

        Only where the message and its trail give the very same bytes back; else the events stay for ever.
        """
        before = self._world.now() - self._config.retention_seconds
        due = await self._store.read(lambda tx: runs.trimmable(tx, before, _AT_ONCE))
        for run_id in due:
            if await self._can_be_told_again(run_id):
                # In this order: a stream that is gone is told from the message, marked or not.
                with suppress(NotFound, Gone):
                    await self._log.delete(run_stream(run_id))
                await self._store.write(lambda tx, run_id=run_id: runs.mark_trimmed(tx, [run_id]))  # type: ignore[misc]
            else:
                await self._store.write(lambda tx, run_id=run_id: runs.keep_events(tx, run_id))  # type: ignore[misc]
        return len(due)

    async def _can_be_told_again(self, run_id: str) -> bool:
        told = await self._store.read(lambda tx: _told(tx, run_id))
        kept: list[bytes] = []
        try:
            closed = False
            while not closed:
                reading = await self._log.read(run_stream(run_id), len(kept))
                for batch in reading.batches:
                    kept.extend(batch.messages)
                closed = reading.closed
        except (NotFound, Gone):
            return True
        if told == kept:
            return True
        _log.warning("an answer's events are kept, since its message does not tell them", extra={"run": run_id})
        return False


def _told(tx: Tx, run_id: str) -> list[bytes] | None:
    run, trail = runs.get(tx, run_id), runs.trail(tx, run_id)
    message = messages.get(tx, run.conversation_id, run.message_id) if run is not None else None
    if message is None or message.parts is None or trail is None:
        return None
    try:
        return expand(trail, message.parts)
    except (ValueError, KeyError):
        return None
