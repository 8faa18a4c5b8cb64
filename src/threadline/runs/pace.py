"""Pace: work that nobody asks for goes on whenever a bell rings or a time is over, until the program ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress


async def repeat(draining: asyncio.Event, bell: asyncio.Event, work: Callable[[], Awaitable[float]]) -> None:
    """Do ``work`` at once, and again when ``bell`` rings, at the latest after as many seconds as it returned, until
    ``draining`` is set. A bell that rings during the work is heard after it."""
    async with background(forward(draining, bell)):
        while not draining.is_set():
            bell.clear()
            await heard(bell, await work())


async def heard(bell: asyncio.Event, seconds: float) -> None:
    """Return when ``bell`` rings, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()


async def forward(draining: asyncio.Event, bell: asyncio.Event) -> None:
    """Ring ``bell`` when the program is to end."""
    await draining.wait()
    bell.set()


@asynccontextmanager
async def background(work: Coroutine[object, object, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run ``work`` beside the block; it is ended and waited for when the block is left."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
