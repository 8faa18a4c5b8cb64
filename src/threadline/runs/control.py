"""How a run that is being worked on is told to end: at once, but never in the middle of an append."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Reason = Literal["stop", "drain", "lost"]


class Interrupted(Exception):
    """The run leaves its worker: ``stop`` (as asked), ``drain`` (hand it over) or ``lost`` (another holds it)."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


def being_cancelled() -> bool:
    """Whether somebody has cancelled this task; else a ``CancelledError`` in it comes out of what it called."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Control:
    """The handle by which a worker ends one of its runs. The first reason given stays, but for ``stop``: that is in
    the run's row, too, so whoever has the run next obeys it."""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.done = False
        """Whether the answer is closed and folded, so that the run is nobody's any more."""
        self.under_way = asyncio.Event()
        """Set when the first of the answer is written, or there is nothing more to come."""
        self._waiting: asyncio.Task[object] | None = None
        self._cancelled = False

    def fire(self, reason: Reason) -> None:
        """Interrupt the run where it waits, or at its next wait."""
        if self.reason is not None and (self.reason != "stop" or reason == "stop"):
            return
        self.reason = reason
        if self._waiting is not None and not self._cancelled:
            self._cancelled = True
            self._waiting.cancel()

    @contextmanager
    def cancellable(self) -> Iterator[None]:
        """Around a wait that may be cut: raises :class:`Interrupted` instead of what it waits for.

        Outside of it nothing is cut, so an append is always known to have happened or not.
        """
        if self.reason is not None:
            raise Interrupted(self.reason)
        task = asyncio.current_task()
        assert task is not None
        self._waiting = task
        try:
            yield
        except asyncio.CancelledError:
            if not self._cancelled or task.uncancel() > 0:
                raise
            assert self.reason is not None
            raise Interrupted(self.reason) from None
        finally:
            self._waiting = None
