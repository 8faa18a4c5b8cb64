"""The closer: ends recordings whose programs were told to stop, or were not heard of for too long."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from threadline.domain.errors import ThreadlineError
from threadline.runs import pace
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
        self._trusted = False
        self._until = 0.0

    async def run(self, draining: asyncio.Event) -> None:
        """End what is due at once, then whatever becomes due, until ``draining`` is set."""
        with self._signals.listen("stops") as bell, self._signals.attach("recordings", bell.set):
            await pace.repeat(draining, bell, self._end_due)

    async def _end_due(self) -> float:
        """Returns in how many seconds there may be more to end."""
        wait = _LONGEST_WAIT_SECONDS
        try:
            if not self._trusted or self._world.now() > self._until + _LATE_SECONDS:
                # While nothing was running, or could be written down, no program could be heard.
                self._trusted = True
                await self._recordings.trust()
            lapse = await self._recordings.end_due()
            if lapse is not None:
                wait = max(min(lapse - self._world.now(), wait), _LEAST_WAIT_SECONDS)
        except ThreadlineError:
            self._trusted = False
        except Exception:
            _log.exception("a recording was not ended")
        self._until = self._world.now() + wait
        return wait
