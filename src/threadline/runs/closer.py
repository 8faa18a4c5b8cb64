"""The closer: ends recordings whose programs were told to stop, or were not heard of for too long."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from threadline.domain.errors import ThreadlineError
from threadline.services.recordings import Recordings
from threadline.store.signals import Signals
from threadline.world import World

_log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS: Final = 5.0
_LEAST_WAIT_SECONDS: Final = 0.05
_LATE_SECONDS: Final = 2.0
"""Who wakes so much later than was meant did not run meanwhile: the machine slept, or its clock was set."""


class Closer:
    """One for a process. A recording is never gone on with here: its text is kept, and it ends."""

    def __init__(self, recordings: Recordings, signals: Signals, world: World) -> None:
        self._recordings = recordings
        self._signals = signals
        self._world = world

    async def run(self, draining: asyncio.Event) -> None:
        """End what is due at once, then whatever becomes due, until ``draining`` is set."""
        with self._signals.listen("stops") as bell, self._signals.attach("recordings", bell.set):
            forward = asyncio.create_task(_forward(draining, bell))
            trusted, until = False, self._world.now()
            while not draining.is_set():
                bell.clear()
                wait = _LONGEST_WAIT_SECONDS
                try:
                    if not trusted or self._world.now() > until + _LATE_SECONDS:
                        # While nothing was running, or could be written down, no program could be heard.
                        trusted = True
                        await self._recordings.trust()
                    lapse = await self._recordings.end_due()
                    if lapse is not None:
                        wait = max(min(lapse - self._world.now(), wait), _LEAST_WAIT_SECONDS)
                except ThreadlineError:
                    trusted = False
                except Exception:
                    _log.exception("a recording was not ended")
                until = self._world.now() + wait
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await bell.wait()
            await forward


async def _forward(draining: asyncio.Event, bell: asyncio.Event) -> None:
    await draining.wait()
    bell.set()
