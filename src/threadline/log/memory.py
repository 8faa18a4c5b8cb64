"""The log in memory: every promise of ``protocol`` but the disk; for tests, simulations and whatever may be lost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from threadline.domain.errors import Unavailable
from threadline.log import rules
from threadline.log.commands import Command, Outcome
from threadline.log.engine import Engine
from threadline.log.ledger import Ledger
from threadline.log.protocol import READ_MESSAGES, Batch, Reading
from threadline.log.rules import Held, Stream
from threadline.world import World


class MemoryLog(Engine):
    """A ``Log`` that is gone with the process."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._storage = _Storage()
        self._ledger = Ledger(self._storage, self._uses)
        self._closed = False

    async def _submit(self, command: Command) -> Outcome:
        self._check_open()
        try:
            outcome = self._ledger.run(command)
        finally:
            self._ledger.flush()
            self._channels.deliver(self._ledger.take_effects())
        await self._world.sleep(0)
        return outcome

    def _post(self, command: Command) -> None:
        self._ledger.run(command)

    async def _find(self, name: str, now: float) -> Stream:
        self._check_open()
        stream = self._storage.stream(name)
        over = stream is not None and rules.expired(stream, self._uses.get(name, 0.0), now)
        return rules.found(stream, over=over, has_forks=stream is not None and self._storage.has_forks(stream))

    async def _fetch(self, name: str, start: int, limit: int, now: float) -> tuple[Stream, Reading]:
        stream = await self._find(name, now)
        if start < stream.first:
            raise rules.below_retention(stream.first)
        batches: list[Batch] = []
        at, size, limit, most = start, 0, max(limit, 1), start + READ_MESSAGES
        while at < min(stream.tail, most) and size < limit:
            batch = self._storage.batch_at(stream, at).bounded(limit - size, most - at)
            size += sum(map(len, batch.messages))
            at = batch.next
            batches.append(batch)
        ended = at >= stream.tail
        if batches and ended and stream.closed and not batches[-1].final:
            batches[-1] = Batch(batches[-1].first, batches[-1].messages, final=True)
        return stream, Reading(tuple(batches), at, up_to_date=ended, closed=ended and stream.closed)

    async def _list(self, prefix: str, after: str, limit: int) -> list[Stream]:
        self._check_open()
        return self._storage.named(prefix, after, limit)

    async def close(self) -> None:
        """End the followers and refuse what comes; what was kept is gone with this object."""
        self._closed = True
        self._channels.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The log is closed.", surface="stream")


class _Storage:
    def __init__(self) -> None:
        self._ids = 0
        self._names: dict[str, Stream] = {}
        self._streams: dict[int, Stream] = {}
        self._batches: dict[int, list[Batch]] = {}
        self._held: dict[int, dict[str, Held]] = {}
        self._forks: dict[int, set[int]] = {}

    def stream(self, name: str) -> Stream | None:
        return self._names.get(name)

    def named(self, prefix: str, after: str, limit: int) -> list[Stream]:
        names = sorted(name for name in self._names if name.startswith(prefix) and name > after)
        return [self._names[name] for name in names[:limit]]

    def stream_of(self, id: int) -> Stream | None:
        return self._streams.get(id)

    def new_id(self) -> int:
        self._ids += 1
        return self._ids

    def put(self, stream: Stream) -> None:
        self._names[stream.name] = self._streams[stream.id] = stream
        if stream.parent is not None:
            self._forks.setdefault(stream.parent, set()).add(stream.id)

    def held(self, stream: Stream, producer: str) -> Held | None:
        return self._held.get(stream.id, {}).get(producer)

    def put_held(self, stream: Stream, producer: str, held: Held) -> None:
        self._held.setdefault(stream.id, {})[producer] = held

    def put_batch(self, stream: Stream, first: int, messages: Sequence[bytes], size: int) -> Batch:
        batch = Batch(first, tuple(messages))
        self._batches.setdefault(stream.id, []).append(batch)
        return batch

    def message(self, stream: Stream, offset: int) -> bytes:
        batch = self.batch_at(stream, offset)
        return batch.messages[offset - batch.first]

    def has_forks(self, stream: Stream) -> bool:
        return bool(self._forks.get(stream.id))

    def drop(self, stream: Stream) -> None:
        del self._names[stream.name], self._streams[stream.id]
        self._batches.pop(stream.id, None)
        self._held.pop(stream.id, None)
        self._forks.pop(stream.id, None)
        if stream.parent is not None:
            self._forks[stream.parent].discard(stream.id)

    def drop_below(self, stream: Stream, offset: int) -> None:
        kept = self._batches.get(stream.id, [])
        kept[:] = [batch for batch in kept if batch.next > offset]

    def due(self, now: float, limit: int) -> Sequence[Stream]:
        over = (s for s in self._streams.values() if not s.deleted and rules.expired(s, 0.0, now))
        return [stream for stream, _ in zip(over, range(limit), strict=False)]

    def batch_at(self, stream: Stream, offset: int) -> Batch:
        """The batch from ``offset`` on, from whichever stream of the line has it."""
        owner, end = stream, stream.tail
        while offset < owner.base:
            assert owner.parent is not None
            end = min(end, owner.base)
            owner = self._streams[owner.parent]
        batches = self._batches[owner.id]
        batch = batches[bisect_right(batches, offset, key=lambda batch: batch.first) - 1]
        if batch.next > end or (batch.final and owner is not stream):
            batch = Batch(batch.first, batch.messages[: end - batch.first])
        return batch.since(offset)
