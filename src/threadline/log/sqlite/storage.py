"""The ledger's storage on SQLite: what one commit writes is gathered and written in few, wide statements.

Every step of a statement lets go of the interpreter's lock and has to win it back from a busy event loop, so that one
statement of many rows is worth much more than many of one.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from threadline.log import framing
from threadline.log.ledger import ROW_BYTES
from threadline.log.protocol import Batch
from threadline.log.rules import Held, Stream
from threadline.log.sqlite import schema
from threadline.log.sqlite.schema import OFFSET_MASK, key_of

STREAMS_CACHED: Final = 4096
PRODUCERS_CACHED: Final = 16384
PAGE_BYTES: Final = 4096

_WIDTHS: Final = (64, 8, 1)
_BATCHES: Final = "INSERT INTO batches (key, count, framing, payload) VALUES {rows}"
_PRODUCERS: Final = (
    "INSERT INTO producers (stream, producer, epoch, seq) VALUES {rows} "
    "ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq"
)
_PUT: Final = (
    f"INSERT INTO streams ({schema.COLUMNS}) VALUES ({', '.join('?' * 18)}) ON CONFLICT (id) DO UPDATE SET tail = "
    "excluded.tail, first = excluded.first, closed = excluded.closed, latest_order = excluded.latest_order, "
    "deleted = excluded.deleted, used_at = excluded.used_at"
)
_DUE: Final = (
    schema.SELECT + "WHERE id IN ("
    "SELECT id FROM streams WHERE ttl IS NOT NULL AND deleted = 0 AND used_at + ttl <= ?1 UNION ALL "
    "SELECT id FROM streams WHERE expires_at IS NOT NULL AND deleted = 0 AND expires_at <= ?1 LIMIT ?2)"
)

_K = TypeVar("_K")
_V = TypeVar("_V")


class SqliteStorage:
    """One writing connection and what it remembers. Everything is called within a transaction, by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._streams: OrderedDict[int, Stream] = OrderedDict()
        self._ids: dict[str, int] = {}
        self._held: OrderedDict[tuple[int, str], Held | None] = OrderedDict()
        self._new_rows: list[tuple[int, int, int, bytes]] = []
        self._new_held: dict[tuple[int, str], Held] = {}
        self._last_id: int | None = None
        self.written = 0
        """About how much the write-ahead log grew since this was last set to 0; whole pages go there."""

    def stream(self, name: str) -> Stream | None:
        """See ``Storage``."""
        id = self._ids.get(name)
        if id is not None:
            self._streams.move_to_end(id)
            return self._streams[id]
        return self._remember(schema.find(self._connection, "WHERE name = ?", name))

    def stream_of(self, id: int) -> Stream | None:
        """See ``Storage``."""
        stream = self._streams.get(id)
        return stream if stream is not None else self._remember(schema.find(self._connection, "WHERE id = ?", id))

    def new_id(self) -> int:
        """See ``Storage``."""
        if self._last_id is None:
            self._last_id = self._connection.execute("SELECT coalesce(max(id), 0) FROM streams").fetchone()[0]
        self._last_id += 1
        return self._last_id

    def put(self, stream: Stream) -> None:
        """See ``Storage``."""
        self._connection.execute(_PUT, schema.to_row(stream))
        self.written += PAGE_BYTES
        self._remember(stream)

    def held(self, stream: Stream, producer: str) -> Held | None:
        """See ``Storage``."""
        key = (stream.id, producer)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        row = self._connection.execute(
            "SELECT epoch, seq FROM producers WHERE stream = ? AND producer = ?", key
        ).fetchone()
        held = self._held[key] = Held(*row) if row is not None else None
        return held

    def put_held(self, stream: Stream, producer: str, held: Held) -> None:
        """See ``Storage``."""
        self._held[stream.id, producer] = self._new_held[stream.id, producer] = held

    def put_batch(self, stream: Stream, first: int, messages: Sequence[bytes], size: int) -> Batch:
        """See ``Storage``."""
        at = first
        for part in [messages] if size <= ROW_BYTES else _rows(messages):
            kind, payload = framing.pack(part)
            self._new_rows.append((key_of(stream.id, at), len(part), kind, payload))
            at += len(part)
        self.written += size + PAGE_BYTES
        return Batch(first, tuple(messages))

    def message(self, stream: Stream, offset: int) -> bytes:
        """See ``Storage``."""
        self.flush()
        key, count, kind, payload = self._connection.execute(
            "SELECT key, count, framing, payload FROM batches WHERE key <= ? ORDER BY key DESC LIMIT 1",
            (key_of(stream.id, offset),),
        ).fetchone()
        message: bytes = framing.unpack(kind, count, payload)[offset - (key & OFFSET_MASK)]
        return message

    def has_forks(self, stream: Stream) -> bool:
        """See ``Storage``."""
        return schema.has_forks(self._connection, stream)

    def drop(self, stream: Stream) -> None:
        """See ``Storage``."""
        self.flush()
        run = self._connection.execute
        run("DELETE FROM batches WHERE key BETWEEN ? AND ?", (key_of(stream.id, 0), key_of(stream.id, OFFSET_MASK)))
        run("DELETE FROM producers WHERE stream = ?", (stream.id,))
        run("DELETE FROM streams WHERE id = ?", (stream.id,))
        self._streams.pop(stream.id, None)
        self._ids.pop(stream.name, None)

    def drop_below(self, stream: Stream, offset: int) -> None:
        """See ``Storage``."""
        self.flush()
        self._connection.execute(
            f"DELETE FROM batches WHERE key >= ? AND key < ? AND (key & {OFFSET_MASK}) + count <= ?",
            (key_of(stream.id, 0), key_of(stream.id, offset), offset),
        )

    def due(self, now: float, limit: int) -> Sequence[Stream]:
        """See ``Storage``."""
        found = [schema.to_stream(row) for row in self._connection.execute(_DUE, (now, limit)).fetchall()]
        return [self._streams.get(stream.id) or self._keep(stream) for stream in found]

    def flush(self) -> None:
        """Write what is gathered."""
        if self._new_rows:
            self._insert(_BATCHES, self._new_rows)
            self._new_rows.clear()
        if self._new_held:
            self._insert(_PRODUCERS, [(*key, held.epoch, held.seq) for key, held in self._new_held.items()])
            self._new_held.clear()

    def shrink(self) -> None:
        """Between commits: forget what was not used for the longest time."""
        for stream in _oldest(self._streams, STREAMS_CACHED):
            self._ids.pop(stream.name, None)
        _oldest(self._held, PRODUCERS_CACHED)

    def forget(self) -> None:
        """Forget everything that is not on disk, and all that is remembered of what is."""
        self._streams.clear()
        self._ids.clear()
        self._held.clear()
        self._new_rows.clear()
        self._new_held.clear()
        self._last_id = None

    def _remember(self, stream: Stream | None) -> Stream | None:
        return self._keep(stream) if stream is not None else None

    def _keep(self, stream: Stream) -> Stream:
        self._streams[stream.id] = stream
        self._ids[stream.name] = stream.id
        return stream

    def _insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        at = 0
        for width in _WIDTHS:
            text = statement.format(rows=", ".join(["(?, ?, ?, ?)"] * width))
            while len(rows) - at >= width:
                self._connection.execute(text, [value for row in rows[at : at + width] for value in row])
                at += width


def _rows(messages: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The messages in parts of about a row's size, so that a reader need not take an append as a whole."""
    parts, start, size = [], 0, 0
    for index, message in enumerate(messages):
        if index > start and size + len(message) > ROW_BYTES:
            parts.append(messages[start:index])
            start, size = index, 0
        size += len(message)
    return [*parts, messages[start:]]


def _oldest(cache: OrderedDict[_K, _V], bound: int) -> list[_V]:
    gone = []
    while len(cache) > bound:
        gone.append(cache.popitem(last=False)[1])
    return gone
