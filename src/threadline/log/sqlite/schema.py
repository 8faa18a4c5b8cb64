"""The tables of the log's file, how it is opened, and how a stream is looked up.

A row of ``batches`` is what one commit brought to one stream. Its key is the stream's id and the first offset in one
number, so that the table is one tree in the order in which it is read, without an index beside it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from threadline.domain.errors import Unavailable
from threadline.log.protocol import Fork, StreamConfig
from threadline.log.rules import Stream

FORMAT: Final = 1
OFFSET_BITS: Final = 31
OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1
BUSY_SECONDS: Final = 60.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    content_type TEXT NOT NULL,
    ttl INTEGER,
    expires_at REAL,
    inherited INTEGER NOT NULL,
    source TEXT,
    fork_offset INTEGER,
    sub_offset INTEGER,
    parent INTEGER,
    base INTEGER NOT NULL,
    tail INTEGER NOT NULL,
    first INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    latest_order TEXT,
    deleted INTEGER NOT NULL,
    created_at REAL NOT NULL,
    used_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS streams_by_parent ON streams (parent) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS streams_by_ttl ON streams (used_at + ttl) WHERE ttl IS NOT NULL AND deleted = 0;
CREATE INDEX IF NOT EXISTS streams_by_expiry ON streams (expires_at) WHERE expires_at IS NOT NULL AND deleted = 0;
CREATE TABLE IF NOT EXISTS batches (
    key INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    framing INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS producers (
    stream INTEGER NOT NULL,
    producer TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (stream, producer)
) STRICT, WITHOUT ROWID;
"""

COLUMNS: Final = (
    "id, name, content_type, ttl, expires_at, inherited, source, fork_offset, sub_offset, parent, base, tail, first, "
    "closed, latest_order, deleted, created_at, used_at"
)

SELECT: Final = f"""
SELECT {COLUMNS}, (
    SELECT (key & {OFFSET_MASK}) + count FROM batches
    WHERE key BETWEEN id << {OFFSET_BITS} AND (id << {OFFSET_BITS}) | {OFFSET_MASK} ORDER BY key DESC LIMIT 1
) FROM streams """
"""Columns of a stream and the offset after its last row: ``tail`` is not rewritten with every append."""


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the file and its tables where they are not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = _connect(path)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise Unavailable(
                f"{path} was written by a newer version of this program (format {version}).", surface="log"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def find(connection: sqlite3.Connection, where: str, value: object) -> Stream | None:
    """The stream of which ``where`` (a condition with one placeholder) is true."""
    row = connection.execute(SELECT + where, (value,)).fetchone()
    return to_stream(row) if row is not None else None


def has_forks(connection: sqlite3.Connection, stream: Stream) -> bool:
    """Whether streams begin with messages of this one."""
    return connection.execute("SELECT 1 FROM streams WHERE parent = ? LIMIT 1", (stream.id,)).fetchone() is not None


def key_of(stream: int, offset: int) -> int:
    """The key of a row of ``batches``."""
    return stream << OFFSET_BITS | offset


def to_stream(row: tuple[Any, ...]) -> Stream:
    """A row of :data:`SELECT` as a stream."""
    fork = Fork(row[6], row[7], row[8]) if row[6] is not None else None
    return Stream(
        id=row[0],
        name=row[1],
        config=StreamConfig(row[2], row[3], row[4], fork),
        inherited=bool(row[5]),
        parent=row[9],
        base=row[10],
        tail=max(row[11], row[18] or 0),
        first=row[12],
        closed=bool(row[13]),
        order=row[14],
        deleted=bool(row[15]),
        created_at=row[16],
        used_at=row[17],
    )


def to_row(stream: Stream) -> tuple[Any, ...]:
    """A stream in the order of :data:`COLUMNS`."""
    config, fork = stream.config, stream.config.fork
    return (
        stream.id,
        stream.name,
        config.content_type,
        config.ttl,
        config.expires_at,
        stream.inherited,
        fork.source if fork else None,
        fork.offset if fork else None,
        fork.sub_offset if fork else None,
        stream.parent,
        stream.base,
        stream.tail,
        stream.first,
        stream.closed,
        stream.order,
        stream.deleted,
        stream.created_at,
        stream.used_at,
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection
