"""Runs the program: server, worker and sweeper side by side, until a signal comes and all have handed over."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from threadline.app import lock
from threadline.app.compose import App, Seams, open_app
from threadline.app.failures import CannotStart, storage_faults_told
from threadline.app.logs import configure
from threadline.server import AddressTaken, Server, addresses, bind
from threadline.settings import Settings
from threadline.store import signals
from threadline.store.database import Store
from threadline.world import SystemWorld

log = logging.getLogger(__name__)

Say = Callable[[str], None]


_SWITCH_SECONDS: Final = 0.0005


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine on the fastest loop there is, with the program's log."""
    configure()
    # A data folder that was there before may be open to others; what is written into it is not.
    os.umask(0o077)
    # With Python's own 5 ms a busy loop takes the interpreter back each turn before a writing thread may ask for it:
    # one commit was seen waiting for 17 seconds, with this for 15 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


async def serve(settings: Settings, seams: Seams = Seams(), say: Say = print) -> None:
    """Serve until a signal comes. Raises ``CannotStart``."""
    _warn(settings)
    async with open_app(settings, seams) as app:
        try:
            sockets = bind(settings.host, settings.port)
        except AddressTaken as fault:
            raise CannotStart(str(fault)) from None
        with _on_signal(app.draining.set):
            await run_app(app, sockets, say)


async def work(settings: Settings, seams: Seams = Seams(), say: Say = print) -> None:
    """Write answers until a signal comes; serve nothing. Raises ``CannotStart``."""
    _warn(settings)
    async with open_app(settings, seams) as app:
        with _on_signal(app.draining.set):
            _tidy()
            say("Threadline's worker is ready")
            await _together(app, _behind(app))


async def migrate(settings: Settings) -> None:
    """Bring the store's schema up to date. Raises ``CannotStart``."""
    lock.prepare(settings.data)
    with lock.locked(settings.data):
        with storage_faults_told():
            store = await Store.open(settings.store_path, SystemWorld(), signals.Signals())
        await store.close()


async def run_app(app: App, sockets: Sequence[socket.socket], say: Say) -> None:
    """Serve on ``sockets`` until ``app.draining`` is set and everyone was told."""

    def ready() -> None:
        _tidy()
        where = addresses(sockets)
        shown = [place for place in where if "0.0.0.0" not in place and "[::]" not in place]
        address = (shown or [f"http://127.0.0.1:{sockets[0].getsockname()[1]}"])[0]
        lock.tell(app.settings.data, app.masters, address)
        say(f"Threadline is ready on {address} (process {os.getpid()})")

    server = Server(app.site, app.world, app.draining, ready, drain_seconds=app.settings.drain_seconds)

    async def serving() -> None:
        try:
            await server.serve(list(sockets))
        finally:
            app.draining.set()

    await _together(app, [serving(), *_behind(app), app.pulse.run()])


def _behind(app: App) -> list[Coroutine[Any, Any, None]]:
    """What works without being asked."""
    return [part.run(app.draining) for part in (app.worker, app.sweeper, app.wakes, app.closer)]


async def _together(app: App, parts: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Own every part until it is done; what does not hand over in time is cut off, as a crash would."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in parts]
        await app.draining.wait()
        _, late = await asyncio.wait(tasks, timeout=app.settings.drain_seconds)
        for task in late:
            log.warning("a part of the server did not hand over in time", extra={"part": str(task.get_coro())})
            task.cancel()


@contextmanager
def _on_signal(leave: Callable[[], object]) -> Iterator[None]:
    """While it lasts, the signals that end a program call ``leave``; nothing where this is not the main thread."""
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, leave)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
        taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def _tidy() -> None:
    """What the start left behind is not looked through for garbage any more; what comes from now on is."""
    gc.freeze()
    gc.enable()


def _warn(settings: Settings) -> None:
    for name in settings.unknown:
        log.warning("%s is not a setting of this version", name)
