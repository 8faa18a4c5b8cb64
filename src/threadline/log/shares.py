"""How much may be read ahead for one place that follows many streams: each follower takes a share before it reads."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

ONE_READ: Final = 1 << 20
"""What a read is taken to find until it is known: about as much as any of them finds."""


class Budget:
    """``total`` bytes for all the shares, at least one read; who finds too little left waits in line. A read that found
    more than it was taken for is let through, and those behind it wait the longer. What is taken of it is taken of the
    budget that it is ``within``, too, so that nobody can have all of that one."""

    def __init__(self, total: int, within: Budget | None = None) -> None:
        self._free = max(total, ONE_READ)
        self._within = within
        self._line: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Take what one read may find, when those who came before have had theirs."""
        await self._take()
        if self._within is not None:
            try:
                await self._within.take()
            except asyncio.CancelledError:
                self._give(ONE_READ)
                raise

    def give(self, size: int) -> None:
        """Give back ``size`` bytes, or take some more where it is below 0."""
        self._give(size)
        if self._within is not None:
            self._within.give(size)

    async def _take(self) -> None:
        if not self._line and self._free >= ONE_READ:
            self._free -= ONE_READ
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._line.remove(waiter)
            if not waiter.cancelled():
                self._give(ONE_READ)
            raise

    def _give(self, size: int) -> None:
        self._free += size
        while self._line and self._free >= ONE_READ:
            waiter = self._line.popleft()
            if not waiter.done():
                self._free -= ONE_READ
                waiter.set_result(None)


class Share:
    """What one follower holds. It holds nothing while it waits, so that nobody ever waits for one who waits."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    async def take(self) -> None:
        """Before a read."""
        self.drop()
        await self._budget.take()
        self._held = ONE_READ

    def keep(self, size: int) -> None:
        """After it: hold the bytes that were found, and no more."""
        self._held, before = size, self._held
        self._budget.give(before - size)

    def drop(self) -> None:
        """What was found is on its way."""
        if self._held:
            self.keep(0)
