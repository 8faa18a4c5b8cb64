"""How much may be read ahead for one place that follows many streams: each follower takes a share before it reads."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

ONE_READ: Final = 1 << 20
"""What a read is taken to find until it is known: about as much as any of them finds."""


class Budget:
    """``total`` bytes for all the shares, at least one read; who finds too little left waits in line. A read that found
    more than it was taken for is let through, and those behind it wait the longer. What is taken of it is taken of the
    budget that it is ``within``, too, so that nobody can have all of that one."""

    def __init__(self, total: int, within: Budget | None = None) -> None:
        self._free = self._total = max(total, ONE_READ)
        self._within = within
        self._line: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, size: int = ONE_READ) -> None:
        """Take so many bytes, else what one read may find, when those who came before have had theirs."""
        await self._take(size)
        if self._within is not None:
            try:
                await self._within.take(size)
            except asyncio.CancelledError:
                self._give(size)
                raise

    def give(self, size: int) -> None:
        """Give back ``size`` bytes, or take some more where it is below 0."""
        self._give(size)
        if self._within is not None:
            self._within.give(size)

    async def _take(self, size: int) -> None:
        if not self._line and self._fits(size):
            self._free -= size
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((waiter, size))
        try:
            await waiter
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._line.remove((waiter, size))
            # What is too large may have been all that those behind it waited for.
            self._give(0 if waiter.cancelled() else size)
            raise

    def _give(self, size: int) -> None:
        self._free += size
        while self._line and self._fits(self._line[0][1]):
            waiter, wanted = self._line.popleft()
            if not waiter.done():
                self._free -= wanted
                waiter.set_result(None)

    def _fits(self, size: int) -> bool:
        return self._free >= min(size, self._total)


class Budgets:
    """``each`` bytes for the shares of one name, and ``total`` for those of all, so that nobody has all of it."""

    def __init__(self, each: int, total: int) -> None:
        self.all = Budget(total)
        self._each = each
        self._of: WeakValueDictionary[str, Budget] = WeakValueDictionary()

    def of(self, name: str) -> Budget:
        """The budget of a name; the same one for as long as anybody has a share of it."""
        budget = self._of.get(name)
        if budget is None:
            budget = self._of[name] = Budget(self._each, self.all)
        return budget


class Share:
    """What one follower holds. It holds nothing while it waits, so that nobody ever waits for one who waits."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    async def take(self, size: int = ONE_READ) -> None:
        """Before a read, or before ``size`` bytes come."""
        self.drop()
        await self._budget.take(size)
        self._held = size

    def keep(self, size: int) -> None:
        """After it: hold the bytes that were found, and no more."""
        self._held, before = size, self._held
        self._budget.give(before - size)

    def drop(self) -> None:
        """What was found is on its way."""
        if self._held:
            self.keep(0)
