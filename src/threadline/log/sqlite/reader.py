"""Reading: a few threads with connections of their own, each read one short snapshot of bounded size."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from threadline.log import framing, rules
from threadline.log.protocol import READ_MESSAGES, Batch, Reading
from threadline.log.rules import Stream
from threadline.log.sqlite import schema
from threadline.log.sqlite.schema import OFFSET_MASK, key_of

THREADS: Final = 2
STEPS: Final = 64
"""How many batches one read puts together: what is left is for the next, and others come between."""
_ROWS_AT_ONCE: Final = 16384

Found = tuple[Stream, Reading]

# Both run as one step each, however many rows they go over: see storage.py for why.
_LAST: Final = f"""
SELECT max(key) FROM (
    SELECT key, sum(length(payload)) OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) - length(payload) AS before
    FROM batches WHERE key >= ? AND key < ? ORDER BY key LIMIT {_ROWS_AT_ONCE}
) WHERE before < ?"""
_JOINED: Final = """
SELECT min(key), sum(count), max(framing), CAST(group_concat(payload, char(10)) AS BLOB) FROM (
    SELECT key, count, framing, payload FROM batches WHERE key BETWEEN ? AND ? ORDER BY key
)"""
_ROWS: Final = "SELECT framing, count, payload FROM batches WHERE key BETWEEN ? AND ? ORDER BY key"
# Names are kept in the order of their bytes, and no name has a byte above that one.
_NAMED: Final = "WHERE name >= ? AND name > ? AND name < CAST(? || x'ff' AS TEXT) ORDER BY name LIMIT ?"
# A stream and its sources, up to the one that has the offset.
_LINE: Final = """
WITH RECURSIVE line (id, parent, base) AS (
    SELECT id, parent, base FROM streams WHERE id = ?
    UNION ALL
    SELECT source.id, source.parent, source.base
    FROM line JOIN streams AS source ON source.id = line.parent WHERE line.base > ?
) SELECT id, base FROM line"""
_ROW_OF: Final = "SELECT key FROM batches WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1"


def find(connection: sqlite3.Connection, name: str, now: float, uses: Mapping[str, float]) -> Stream:
    """The stream as callers may see it at ``now``; raises ``NotFound`` or ``Gone``."""
    stream = schema.find(connection, "WHERE name = ?", name)
    over = stream is not None and rules.expired(stream, uses.get(name, 0.0), now)
    return rules.found(
        stream, over=over, has_forks=over and stream is not None and schema.has_forks(connection, stream)
    )


def named(connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> list[Stream]:
    """The first streams, by name, that begin with ``prefix`` and come after ``after``."""
    rows = connection.execute(f"{schema.SELECT}{_NAMED}", (max(prefix, after), after, prefix, limit))
    return [schema.to_stream(row) for row in rows]


def fetch(
    connection: sqlite3.Connection, name: str, start: int, limit: int, now: float, uses: Mapping[str, float]
) -> Found:
    """The stream, and its messages from ``start`` on up to about ``limit`` bytes, in one snapshot."""
    connection.execute("BEGIN")
    try:
        stream = find(connection, name, now, uses)
        if start < stream.first:
            raise rules.below_retention(stream.first)
        batches: list[Batch] = []
        at, most = start, start + READ_MESSAGES
        for owner, end in _line(connection, stream, start):
            while at < min(end, most) and limit > 0 and len(batches) < STEPS:
                batch, size = _next(connection, owner, at, min(end, most), limit)
                batches.append(batch)
                limit -= size
                at = batch.next
    finally:
        connection.execute("COMMIT")
    ended = at >= stream.tail
    if batches and ended and stream.closed:
        batches[-1].final = True
    return stream, Reading(tuple(batches), at, up_to_date=ended, closed=ended and stream.closed)


def _next(connection: sqlite3.Connection, owner: int, at: int, end: int, limit: int) -> tuple[Batch, int]:
    """Messages of the stream ``owner`` from ``at`` on, below ``end``, and their size."""
    low, high = key_of(owner, at), key_of(owner, end)
    row = connection.execute(_ROW_OF, (key_of(owner, 0), low)).fetchone()
    begin = row[0] if row is not None else low
    last = connection.execute(_LAST, (begin, high, limit)).fetchone()[0]
    first, count, kind, payload = connection.execute(_JOINED, (begin, last)).fetchone()
    if kind == framing.LINES:
        messages = framing.unpack(kind, count, payload)
    else:
        messages = framing.unpack_all(connection.execute(_ROWS, (begin, last)).fetchall())
    skipped = at - (first & OFFSET_MASK)
    return Batch(at, tuple(messages[skipped : skipped + end - at])), len(payload)


def _line(connection: sqlite3.Connection, stream: Stream, start: int) -> list[tuple[int, int]]:
    """Whose messages a stream has from ``start`` on, by id, each up to where those of the next begin."""
    if start >= stream.base:
        return [(stream.id, stream.tail)]
    found: list[tuple[int, int]] = []
    end = stream.tail
    for owner, base in connection.execute(_LINE, (stream.id, start)).fetchall():
        if base < end:
            found.append((owner, end))
            end = base
    found.reverse()
    return found


@dataclass(slots=True, eq=False)
class _Job:
    key: object
    work: Callable[[sqlite3.Connection], object]
    waiters: list[asyncio.Future[object]] = field(default_factory=list)


class Readers:
    """The reading threads. Reads that are the same and did not start yet are done once, for all who ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting: dict[object, _Job] = {}
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"log-reader-{number}", daemon=True) for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, key: object, work: Callable[[sqlite3.Connection], object]) -> object:
        """``work``'s result, from a snapshot that is not older than this call."""
        waiter: asyncio.Future[object] = self._loop.create_future()
        with self._lock:
            job = self._waiting.get(key)
            if job is None:
                job = self._waiting[key] = _Job(key, work)
                self._queue.put(job)
            job.waiters.append(waiter)
        return await waiter

    async def stop(self) -> None:
        """Finish what is asked for, then close the connections."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (job := self._queue.get()) is not None:
            with self._lock:
                del self._waiting[job.key]
            result: object
            failure: Exception | None = None
            try:
                if connection is None:
                    connection = schema.open_reader(self._path)
                result = job.work(connection)
            except Exception as error:
                result, failure = None, error
            try:
                self._loop.call_soon_threadsafe(_answer, job.waiters, result, failure)
            except RuntimeError:
                break
        if connection is not None:
            connection.close()


def _answer(waiters: list[asyncio.Future[object]], result: object, failure: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if failure is not None:
            waiter.set_exception(failure)
        else:
            waiter.set_result(result)
