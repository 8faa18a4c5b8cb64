"""What is kept in memory of the recordings that go on: one writer at a time for each, and where its answer stands."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    """Where one recording stands. ``run`` None: nothing is known of it, and it is to be looked up. ``heard`` is when
    its program's lease was renewed last, in the store's time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
        self.forget()

    def forget(self) -> None:
        """Look it up anew the next time."""
        self.run: RunRow | None = None
        self.heard = 0.0
        self.record = Fold()
        self.trail = TrailRecorder()
        self.order = Order()
        self.size = 0

    def apply(self, events: Sequence[Event], size: int) -> None:
        """Take events that are committed, or are about to be; ``size`` is theirs in bytes."""
        self.record.apply_all(events)
        self.trail.apply_all(events)
        for event in events:
            self.order.take(event)
        self.size += size

    async def read(self, log: Log, tail: int | None = None) -> None:
        """Take what is in the log, up to ``tail`` where that is given. Raises ``NotFound`` and ``Gone``."""
        name = run_stream(self.run.id) if self.run is not None else ""
        while tail is None or self.record.count < tail:
            reading = await log.read(name, self.record.count)
            for batch in reading.batches:
                self.apply(list(map(decode, batch.messages)), sum(map(len, batch.messages)))
            if reading.up_to_date:
                return


class Standings:
    """Those of the recordings that were written to lately; one that is forgotten here is read from the log again."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Standing] = OrderedDict()

    @asynccontextmanager
    async def of(self, run_id: str) -> AsyncIterator[Standing]:
        """Hold a run's own for the time of the block: nobody else of this process writes it meanwhile. After an
        exception that it does not expect itself, it knows nothing any more."""
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
