"""What is known of the recordings that go on: one writer at a time for each, and where its answer stands."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

from threadline.domain.events import Event, decode
from threadline.domain.fold import Fold
from threadline.domain.ids import run_stream
from threadline.domain.order import Order
from threadline.domain.trail import TrailRecorder
from threadline.log.protocol import Log
from threadline.store.runs import RunRow

_MOST: Final = 256
_MOST_BYTES: Final = 256 << 20


class Standing:
    """Where one recording stands: what may come next, after ``count`` events of ``size`` bytes. What they say is in the
    log alone. ``run`` None: nothing is known of it, and it is to be looked up. ``heard`` is when its program's lease
    was renewed last, in the store's time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
        self.forget()

    def forget(self) -> None:
        """Look it up anew the next time."""
        self.run: RunRow | None = None
        self.heard = 0.0
        self.order = Order()
        self.count = 0
        self.size = 0

    def apply(self, events: Sequence[Event], size: int) -> None:
        """Take events that are committed; ``size`` is theirs in bytes."""
        for event in events:
            self.order.take(event)
        self.count += len(events)
        self.size += size

    async def read(self, log: Log, run_id: str) -> None:
        """Take what is in the log. Raises ``NotFound`` and ``Gone``."""
        async with aclosing(_events(log, run_id)) as batches:
            async for events, size in batches:
                self.apply(events, size)


async def folded(log: Log, run_id: str) -> tuple[Fold, TrailRecorder]:
    """The answer as far as it has come. Raises ``NotFound`` and ``Gone``."""
    record, trail = Fold(), TrailRecorder()
    async with aclosing(_events(log, run_id)) as batches:
        async for events, _ in batches:
            record.apply_all(events)
            trail.apply_all(events)
    return record, trail


async def _events(log: Log, run_id: str) -> AsyncGenerator[tuple[list[Event], int], None]:
    at, up_to_date = 0, False
    while not up_to_date:
        reading = await log.read(run_stream(run_id), at)
        for batch in reading.batches:
            yield list(map(decode, batch.messages)), sum(map(len, batch.messages))
        at, up_to_date = reading.next, reading.up_to_date


class Standings:
    """Those of the recordings that were written to lately; one that is forgotten here is read from the log again."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Standing] = OrderedDict()

    @asynccontextmanager
    async def of(self, run_id: str) -> AsyncIterator[Standing]:
        """Hold a run's own for the time of the block: nobody else of this process writes it meanwhile."""
        standing = self._known.setdefault(run_id, Standing())
        self._known.move_to_end(run_id)
        standing.users += 1
        try:
            async with standing.lock:
                yield standing
        finally:
            standing.users -= 1
            self._tidy(run_id, standing)

    def _tidy(self, run_id: str, standing: Standing) -> None:
        if standing.run is None and not standing.users:
            del self._known[run_id]
        size = sum(one.size for one in self._known.values())
        for name, one in list(self._known.items()):
            if len(self._known) <= _MOST and size <= _MOST_BYTES:
                return
            if not one.users:
                size -= one.size
                del self._known[name]
