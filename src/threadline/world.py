"""Clock, sleep and randomness as one seam, so that a simulator can run this very code."""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Protocol


class World(Protocol):
    """What the program may know of time and chance; nothing else in it reads a clock."""

    def now(self) -> float:
        """Wall clock, Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; zero yields once."""
        ...

    def entropy(self, count: int) -> bytes:
        """``count`` unpredictable bytes, fit for secrets."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high), for jitter; not for secrets."""
        ...


class SystemWorld:
    """The machine's own clock and randomness."""

    def now(self) -> float:
        """See ``World.now``."""
        return time.time()

    def monotonic(self) -> float:
        """See ``World.monotonic``."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See ``World.sleep``."""
        await asyncio.sleep(seconds)

    def entropy(self, count: int) -> bytes:
        """See ``World.entropy``."""
        return os.urandom(count)

    def uniform(self, low: float, high: float) -> float:
        """See ``World.uniform``."""
        return random.uniform(low, high)
