"""The one door to the relational database: units of work, which are synchronous functions over a transaction."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from sqlalchemy.engine import make_url

from threadline.domain.errors import Unavailable
from threadline.store import faults, migrate
from threadline.store.signals import Signals
from threadline.store.sqlite import Job, OnFatal, Owner, Reader, Writer, engine_for
from threadline.store.transaction import Tx
from threadline.world import World

__all__ = ["Store", "Tx"]

T = TypeVar("T")

_READERS: Final = 3
_FATAL_EXIT: Final = 70


class Store:
    """A database that is open. Every method belongs to the event loop on which it was opened. ``signals`` is what the
    pokes of its writes ring."""

    def __init__(self, writer: Writer, readers: list[Reader], reads: SimpleQueue[Job | None], signals: Signals) -> None:
        self.signals = signals
        self._writer = writer
        self._readers = readers
        self._reads = reads
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @classmethod
    async def open(
        cls, url_or_path: str | Path, world: World, signals: Signals, *, on_fatal: OnFatal | None = None
    ) -> Store:
        """Open the database, made and brought to the newest schema where needed.

        ``url_or_path`` is a file, or a ``sqlite:///`` URL. ``on_fatal`` is called on the writer's thread when a commit
        failed; by default it ends the process at once. Raises ``Unavailable``, in words for the one who starts the
        server, where the file can not be opened, the disk is full, or a newer program wrote it.
        """
        path = _path(url_or_path)
        engine = engine_for(path)
        writer = Writer(engine, world, signals, on_fatal or _exit)
        reads: SimpleQueue[Job | None] = SimpleQueue()
        readers = [Reader(f"threadline-reader-{number}", engine, world, reads) for number in range(_READERS)]
        started: list[Owner] = []
        try:
            await asyncio.to_thread(migrate.upgrade, engine)
            for owner in (writer, *readers):
                await owner.start()
                started.append(owner)
        except Exception as error:
            for owner in started:
                owner.queue.put(None)
            for owner in started:
                await owner.join()
            raise faults.cannot_open(error, path, "store") from error
        return cls(writer, readers, reads, signals)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` in a transaction; on return it is on disk and its pokes are rung.

        Raises what ``work`` raised, and then nothing of it was kept. Several units may share a commit, never a fate.
        ``Unavailable``: the database is locked, has no room or is closing; nothing was kept, try again.
        A caller that is cancelled does not know whether its unit was done; shield the call to know.
        """
        return await self._submit(self._writer.queue, work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` on a snapshot that holds everything written before the call; it can not write. ``Unavailable``
        as for :meth:`write`."""
        return await self._submit(self._reads, work)

    async def close(self) -> None:
        """Finish what is queued, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._writer.queue.put(None)
        for _ in self._readers:
            self._reads.put(None)
        for owner in (self._writer, *self._readers):
            await owner.join()

    async def _submit(self, queue: SimpleQueue[Job | None], work: Callable[[Tx], T]) -> T:
        if self._closed:
            raise Unavailable(surface="store")
        job = Job(work, self._loop.create_future())
        queue.put(job)
        result: T = await job.future
        return result


def _path(url_or_path: str | Path) -> Path:
    if isinstance(url_or_path, str) and "://" in url_or_path:
        url = make_url(url_or_path)
        if url.get_backend_name() != "sqlite" or not url.database:
            raise ValueError("the store takes a file or a sqlite:/// URL")
        return Path(url.database)
    return Path(url_or_path)


def _exit(_error: BaseException) -> None:
    os._exit(_FATAL_EXIT)
