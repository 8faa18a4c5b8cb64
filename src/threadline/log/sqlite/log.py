"""``SqliteLog``: the engine on one SQLite file, with one writing thread and a few that read."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, cast

from threadline.domain.errors import Unavailable
from threadline.log.commands import Append, Command, Create, Outcome
from threadline.log.engine import Engine
from threadline.log.protocol import Reading
from threadline.log.rules import Stream
from threadline.log.sqlite import reader
from threadline.log.sqlite.reader import Found, Readers
from threadline.log.sqlite.writer import Delivery, Job, OnFatal, Writer, end_process
from threadline.store import faults
from threadline.world import World

QUEUE_BYTES: Final = 32 << 20
"""How much may wait to be written; who comes then waits for room."""

_JOB_COST: Final = 256


class SqliteLog(Engine):
    """A ``Log`` in one file, which no other process may write meanwhile."""

    def __init__(self, path: Path, world: World, on_fatal: OnFatal) -> None:
        super().__init__(world)
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(path, self._uses, self._deliver, on_fatal)
        self._path = path
        self._readers: Readers | None = None
        self._queued = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: Path | str, world: World, *, on_fatal: OnFatal = end_process) -> SqliteLog:
        """Open the file, or make it. ``on_fatal`` is called when a commit failed and must not return in production:
        what is on disk is unknown then, and only a fresh start can tell. Raises ``Unavailable``, in words for the one
        who starts the server, where the file can not be opened, the disk is full, or a newer program wrote it."""
        log = cls(Path(path), world, on_fatal)
        try:
            await log._writer.start()
        except (sqlite3.Error, OSError) as error:
            raise faults.cannot_open(error, log._path, "log") from error
        log._readers = Readers(log._path)
        return log

    async def close(self) -> None:
        """Finish what is queued, end the followers, let go of the file. May be called again."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._readers is not None:
            await self._readers.stop()
        # The writer goes last: whoever closes a file last folds the write-ahead log into it, which a reader may not.
        await self._writer.stop()
        self._channels.close()

    async def _submit(self, command: Command) -> Outcome:
        size = _size(command)
        if self._waiting or (self._queued and self._queued + size > QUEUE_BYTES):
            await self._room(size)
        else:
            self._queued += size
        try:
            self._check_open()
        except Unavailable:
            self._release(size)
            raise
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._writer.put(Job(command, future, size))
        return await future

    def _post(self, command: Command) -> None:
        if self._closing is None:
            self._writer.put(Job(command, None, 0))

    async def _find(self, name: str, now: float) -> Stream:
        found = await self._read(("find", name), partial(reader.find, name=name, now=now, uses=self._uses))
        return cast(Stream, found)

    async def _fetch(self, name: str, start: int, limit: int, now: float) -> tuple[Stream, Reading]:
        work = partial(reader.fetch, name=name, start=start, limit=max(limit, 1), now=now, uses=self._uses)
        return cast(Found, await self._read((name, start, limit), work))

    async def _list(self, prefix: str, after: str, limit: int) -> list[Stream]:
        work = partial(reader.named, prefix=prefix, after=after, limit=limit)
        return cast("list[Stream]", await self._read(("list", prefix, after), work))

    async def _read(self, key: object, work: Callable[[sqlite3.Connection], object]) -> object:
        self._check_open()
        assert self._readers is not None
        try:
            return await self._readers.run(key, work)
        except sqlite3.Error as error:
            if not faults.operational(error):
                raise
            sys.stderr.write(f"threadline: the log could not be read: {type(error).__name__}: {error}\n")
            raise faults.refusal(error, "log") from error

    def _check_open(self) -> None:
        if self._closing is not None:
            raise Unavailable("The log is closed.", surface="stream")

    async def _room(self, size: int) -> None:
        """Wait for room in the queue, in order of arrival; on return it is taken."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((waiter, size))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._release(size)
            raise

    def _release(self, size: int) -> None:
        self._queued -= size
        while self._waiting:
            waiter, wanted = self._waiting[0]
            if not waiter.done():
                if self._queued and self._queued + wanted > QUEUE_BYTES:
                    return
                self._queued += wanted
                waiter.set_result(None)
            self._waiting.popleft()

    def _deliver(self, delivery: Delivery) -> None:
        self._channels.deliver(delivery.effects)
        freed = 0
        for job, outcome in delivery.results:
            freed += job.size
            future = job.future
            if future is None or future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._release(freed)


def _size(command: Command) -> int:
    return command.size + _JOB_COST if isinstance(command, Append | Create) else _JOB_COST
