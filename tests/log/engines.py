"""The engines that every test of the contract runs over, and a clock that tests set; a new engine is one more entry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from threadline.log.memory import MemoryLog
from threadline.log.protocol import Batch, Log
from threadline.log.sqlite import SqliteLog
from threadline.world import SystemWorld, World

Open = Callable[[Path, World], Awaitable[Log]]


async def _memory(folder: Path, world: World) -> Log:
    return MemoryLog(world)


async def _sqlite(folder: Path, world: World) -> Log:
    return await SqliteLog.open(folder / "log.db", world)


ENGINES: dict[str, Open] = {"memory": _memory, "sqlite": _sqlite}


class Clock(SystemWorld):
    """A world whose time stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


def messages_of(batches: tuple[Batch, ...]) -> list[bytes]:
    """The messages of batches, which must follow one another."""
    found: list[bytes] = []
    for batch, after in pairwise(batches):
        assert batch.next == after.first
    for batch in batches:
        found += batch.messages
    return found


async def everything(log: Log, name: str, start: int = 0, *, limit: int = 1 << 20) -> list[bytes]:
    """All that can be read of a stream, in as many reads as it takes."""
    found: list[bytes] = []
    while True:
        reading = await log.read(name, start, limit=limit)
        if reading.batches:
            assert reading.batches[0].first == start
            assert reading.batches[-1].next == reading.next
        found += messages_of(reading.batches)
        start = reading.next
        if reading.up_to_date:
            return found


def numbered(start: int, end: int) -> list[bytes]:
    """Messages that tell their own place."""
    return [b'{"n":%d}' % number for number in range(start, end)]


async def started(log: Log, *tasks: asyncio.Task[Any], name: str = "s") -> None:
    """Wait until these followers of one stream have what there is, and wait for more."""
    for _ in range(20):
        await asyncio.sleep(0.001)
    channel = cast(Any, log)._channels.open(name)
    async with asyncio.timeout(60):
        while len(channel._waiters) < len(tasks):
            await asyncio.sleep(0.001)
    assert not any(task.done() for task in tasks)
