"""The threads that own SQLite's connections: one that writes in group commits, a few that read snapshots."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from threadline.domain.errors import Unavailable
from threadline.store import faults
from threadline.store.signals import Signals
from threadline.store.transaction import Ids, Tx
from threadline.world import World

logger = logging.getLogger(__name__)

Work = Callable[[Tx], Any]
OnFatal = Callable[[BaseException], None]

_GROUP: Final = 128
"""Units per commit at the most, so that the first of a group does not wait long for the last."""

_BUSY_SECONDS: Final = 15.0
_SURFACE: Final = "store"
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA journal_size_limit=67108864",
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection in which nothing begins or commits by itself: the transactions are ours alone."""
    raw = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256)
    try:
        for pragma in _PRAGMAS:
            raw.execute(pragma)
    except BaseException:
        raw.close()
        raise
    # SQLite's own knows only ASCII; PostgreSQL's knows every letter.
    raw.create_function("lower", 1, _lower, deterministic=True)
    return raw


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def engine_for(path: Path) -> Engine:
    """A SQLAlchemy engine over :func:`connect` without a pool; whoever connects, keeps or closes the connection."""
    return create_engine("sqlite+pysqlite://", creator=lambda: connect(path), poolclass=NullPool)


@dataclass(slots=True, eq=False)
class Job:
    """A unit of work on its way, and who waits for it."""

    work: Work
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell who waits, on the event loop."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):
            # A future refuses this one, and the refusal would reach the others of the group.
            self.future.set_exception(RuntimeError("a unit of work raised StopIteration"))
        else:
            self.future.set_exception(self.error)


class Owner(ABC):
    """A thread with a connection of its own that works off a queue of jobs."""

    pragmas: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, engine: Engine, world: World, queue: SimpleQueue[Job | None]) -> None:
        self.queue = queue
        self._world = world
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    async def start(self) -> None:
        """Open the connection; raises what opening it raised."""
        self._thread.start()
        await self._opened

    async def join(self) -> None:
        """Wait until the thread is gone; a ``None`` in the queue sends it away."""
        await asyncio.to_thread(self._thread.join)

    def _main(self) -> None:
        try:
            conn = self._engine.connect()
            raw = conn.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            for pragma in self.pragmas:
                raw.execute(pragma)
        except BaseException as error:
            self._call(_fail, self._opened, error)
            return
        self._call(_succeed, self._opened)
        try:
            while (job := self.queue.get()) is not None:
                self._run(job, conn, raw)
        finally:
            conn.close()

    @abstractmethod
    def _run(self, first: Job, conn: Connection, raw: sqlite3.Connection) -> None:
        """Do the first job, and more of the queue at will; errors go to the jobs."""

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)


class Reader(Owner):
    """Runs each unit in a snapshot of its own; several readers share one queue."""

    pragmas = ("PRAGMA query_only=ON",)

    def _run(self, first: Job, conn: Connection, raw: sqlite3.Connection) -> None:
        if first.future.cancelled():
            return
        try:
            try:
                raw.execute("BEGIN")
                first.result = first.work(Tx(conn, self._world.now(), None))
            finally:
                if raw.in_transaction:
                    raw.execute("ROLLBACK")
        except BaseException as error:
            first.error = faults.translated(error, _SURFACE)
        self._call(first.settle)


class Writer(Owner):
    """Runs whatever was queued during the last commit as one transaction: each unit in a savepoint, then one fsync.

    Promises: a unit is acknowledged, and its pokes are rung, only after its commit is on disk; a unit that raises is
    rolled back alone, and only its caller hears of it; a commit that finds the disk full is taken back, and all in it
    are told; one that fails otherwise ends the process.
    """

    def __init__(self, engine: Engine, world: World, signals: Signals, on_fatal: OnFatal) -> None:
        super().__init__("threadline-writer", engine, world, SimpleQueue())
        self._signals = signals
        self._on_fatal = on_fatal
        self._ids = Ids(world)
        self._dead = False

    def _run(self, first: Job, conn: Connection, raw: sqlite3.Connection) -> None:
        group = self._group(first)
        pokes: dict[str, None] = {}
        if self._dead:
            self._refuse(group, Unavailable("The database can not be written any more.", surface=_SURFACE))
        else:
            try:
                raw.execute("BEGIN IMMEDIATE")
                self._units(group, conn, raw, pokes)
            except BaseException as error:
                self._take_back(group, raw, pokes, error)
            else:
                self._commit(group, raw, pokes)
        self._call(self._deliver, group, pokes)

    def _group(self, first: Job) -> list[Job]:
        group = [first]
        try:
            while len(group) < _GROUP:
                job = self.queue.get_nowait()
                if job is None:
                    self.queue.put(None)
                    break
                group.append(job)
        except Empty:
            pass
        return group

    def _units(self, group: list[Job], conn: Connection, raw: sqlite3.Connection, pokes: dict[str, None]) -> None:
        # A unit that is alone needs no savepoint; each statement spared is one fight less for the interpreter's lock.
        alone = len(group) == 1
        for index, job in enumerate(group):
            if job.future.cancelled():
                continue
            tx = Tx(conn, self._world.now(), self._ids)
            if not alone:
                raw.execute("SAVEPOINT unit")
            try:
                job.result = job.work(tx)
                if not raw.in_transaction:
                    raise Unavailable(faults.AWAY, surface=_SURFACE)
            except BaseException as error:
                job.error = faults.translated(error, _SURFACE)
                if not raw.in_transaction:
                    # A full disk or an I/O error makes SQLite roll the whole transaction back, with the units before.
                    self._refuse(group[:index], faults.refusal(error, _SURFACE))
                    pokes.clear()
                    raw.execute("BEGIN IMMEDIATE")
                    continue
                raw.execute("ROLLBACK" if alone else "ROLLBACK TO unit")
            else:
                pokes.update(dict.fromkeys(tx.pokes))
            if not alone:
                raw.execute("RELEASE unit")

    def _commit(self, group: list[Job], raw: sqlite3.Connection, pokes: dict[str, None]) -> None:
        if not raw.in_transaction:
            return
        try:
            raw.execute("COMMIT")
        except BaseException as error:
            # On a full disk nothing of it counts: SQLite gives up before the frame that would make it a commit. After
            # all else nobody knows what is on disk, so that nothing that this process believes may be trusted.
            if not faults.no_room(error):
                self._die(error)
            self._take_back(group, raw, pokes, error)

    def _take_back(
        self, group: list[Job], raw: sqlite3.Connection, pokes: dict[str, None], error: BaseException
    ) -> None:
        pokes.clear()
        self._refuse(group, faults.translated(error, _SURFACE))
        try:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
        except sqlite3.Error as failed:
            self._die(failed)

    def _die(self, error: BaseException) -> None:
        self._dead = True
        logger.critical("a commit failed: %s", error)
        self._on_fatal(error)

    def _refuse(self, group: list[Job], error: BaseException) -> None:
        for job in group:
            if job.error is None:
                job.error = Unavailable(error.message, surface=_SURFACE) if isinstance(error, Unavailable) else error

    def _deliver(self, group: list[Job], pokes: dict[str, None]) -> None:
        for job in group:
            job.settle()
        self._signals.poke_all(pokes)


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
