"""The one thread that writes: takes what is queued, commits it at one go, and hands the results to the event loop.

There is no timer: what comes in while a commit runs makes up the next one. Results and batches reach the event loop
only after the commit, in the order of the commands.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from threadline.domain.errors import ThreadlineError, Unavailable
from threadline.log.commands import Command, Effect, Outcome
from threadline.log.ledger import Ledger
from threadline.log.sqlite import schema
from threadline.log.sqlite.storage import SqliteStorage
from threadline.store import faults

GROUP_COMMANDS: Final = 8192
GROUP_BYTES: Final = 16 << 20
"""A commit takes about this much at the most, so that the first of a long queue does not wait for the last."""
CHECKPOINT_BYTES: Final = 16 << 20
"""When nothing is queued, about this much is moved from the write-ahead log into the file."""
CHECKPOINT_AT_ONCE: Final = 64 << 20
"""So much is moved even while commands wait."""

OnFatal = Callable[[BaseException], None]


@dataclass(slots=True, eq=False)
class Job:
    """A command, who waits for it (nobody, where None), and how many bytes of the queue it takes."""

    command: Command
    future: asyncio.Future[Outcome] | None
    size: int


@dataclass(slots=True, eq=False)
class Delivery:
    """What one commit has for the event loop."""

    effects: list[Effect]
    results: list[tuple[Job, Outcome | Exception]]


def end_process(error: BaseException) -> None:
    """A commit failed: whether it is on disk is unknown, and only a fresh start can tell."""
    sys.stderr.write(f"threadline: the log could not be written, ending now: {type(error).__name__}: {error}\n")
    sys.stderr.flush()
    os._exit(70)


class Writer:
    """Owns the writing thread. ``deliver`` is called on the event loop, once for each commit."""

    def __init__(
        self,
        path: Path,
        uses: MutableMapping[str, float],
        deliver: Callable[[Delivery], None],
        on_fatal: OnFatal,
    ) -> None:
        self._path = path
        self._uses = uses
        self._deliver = deliver
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._broken = False

    async def start(self) -> None:
        """Return when the file is open; raises what kept it from that."""
        self._thread.start()
        try:
            await self._ready
        except asyncio.CancelledError:
            self._queue.put(None)
            raise

    def put(self, job: Job) -> None:
        """Queue a command."""
        self._queue.put(job)

    async def stop(self) -> None:
        """Finish what is queued, then close the file."""
        self._queue.put(None)
        await self._stopped
        self._thread.join()

    def _run(self) -> None:
        try:
            self._open()
        except BaseException as error:
            self._call(_fail, self._ready, error)
            return
        self._call(_finish, self._ready)
        try:
            self._work()
        except BaseException as error:
            self._on_fatal(error)
        finally:
            self._connection.close()
            self._call(_finish, self._stopped)

    def _open(self) -> None:
        self._connection = schema.open_writer(self._path)
        self._storage = SqliteStorage(self._connection)
        self._ledger = Ledger(self._storage, self._uses)
        self._version = self._data_version()

    def _work(self) -> None:
        while True:
            group, last = self._take()
            if group:
                delivery = self._commit(group)
                self._call(self._deliver, delivery)
            if last:
                self._checkpoint("TRUNCATE")
                return

    def _take(self) -> tuple[list[Job], bool]:
        """All that is queued, within bounds, and whether it is the last; waits for the first."""
        if self._storage.written >= (CHECKPOINT_BYTES if self._queue.empty() else CHECKPOINT_AT_ONCE):
            self._checkpoint("PASSIVE")
        group: list[Job] = []
        size = 0
        job = self._queue.get()
        try:
            while job is not None:
                group.append(job)
                size += job.size
                if size > GROUP_BYTES or len(group) == GROUP_COMMANDS:
                    return group, False
                job = self._queue.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _commit(self, group: list[Job]) -> Delivery:
        if self._broken:
            return Delivery([], [(job, Unavailable("The log could not be written.", surface="log")) for job in group])
        try:
            results = self._apply(group)
        except Exception as error:
            # Nothing of it was committed, so that it is safe to say so and go on.
            return self._undone(group, error)
        try:
            self._connection.execute("COMMIT")
        except Exception as error:
            # On a full disk nothing of it counts: SQLite gives up before the frame that would make it a commit. After
            # all else nobody knows what is on disk.
            if not faults.no_room(error):
                self._break(error)
                return self._refused(group, error)
            return self._undone(group, error)
        self._storage.shrink()
        return Delivery(self._ledger.take_effects(), results)

    def _undone(self, group: list[Job], error: Exception) -> Delivery:
        """A fault of the machine refuses all; a mistake of ours fails alone with whom it came, and may not be hidden
        behind a refusal that tells to try again."""
        if faults.operational(error):
            sys.stderr.write(f"threadline: a commit of the log was undone: {type(error).__name__}: {error}\n")
            return self._refused(group, error)
        self._undo()
        if len(group) == 1:
            return Delivery([], [(group[0], error)])
        alone = [self._commit([job]) for job in group]
        return Delivery(
            [effect for delivery in alone for effect in delivery.effects],
            [result for delivery in alone for result in delivery.results],
        )

    def _refused(self, group: list[Job], error: Exception) -> Delivery:
        self._undo()
        return Delivery([], [(job, faults.refusal(error, "log")) for job in group])

    def _apply(self, group: list[Job]) -> list[tuple[Job, Outcome | Exception]]:
        self._connection.execute("BEGIN IMMEDIATE")
        if (version := self._data_version()) != self._version:
            # Another process wrote: what is remembered may not be true any more, and the fence must see what is.
            self._version = version
            self._storage.forget()
        results: list[tuple[Job, Outcome | Exception]] = []
        for job in group:
            try:
                results.append((job, self._ledger.run(job.command)))
            except ThreadlineError as refusal:
                results.append((job, refusal))
        self._ledger.flush()
        self._storage.flush()
        return results

    def _checkpoint(self, kind: str) -> None:
        """Move what is committed from the write-ahead log into the file."""
        self._storage.written = 0
        if self._broken:
            return
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        except Exception as error:
            # What has no room in the file stays in the write-ahead log, and is moved another time.
            if not faults.no_room(error):
                self._break(error)

    def _break(self, error: Exception) -> None:
        self._broken = True
        self._on_fatal(error)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._ledger.forget()
        self._storage.forget()

    def _data_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed: nobody is left to hear of it, and what was committed stays.
            return


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
