"""Waiting for a result on behalf of a client, for as long as it is there and the server stays."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from threadline.domain.errors import Unavailable
from threadline.routes.pulse import Pulse

T = TypeVar("T")


class Waiting(Generic[T]):
    """One wait; made for one call of :meth:`result`."""

    def __init__(self, pulse: Pulse, work: Coroutine[Any, Any, T]) -> None:
        self._pulse = pulse
        self._work = work
        self._bell = asyncio.Event()
        self._gone: Exception | None = None

    def beat(self) -> None:
        """An answer that has not begun has no way to show a sign of life."""

    def look(self) -> None:
        """It is over soon."""

    def drain(self) -> None:
        """The server goes away."""
        self._gone = Unavailable(retry_after=self._pulse.reconnect_ms() / 1000)
        self._bell.set()

    async def result(self, receive: Receive) -> T:
        """What the work gave, or what it raised. Raises ``ClientDisconnect`` and ``Unavailable``."""
        task: asyncio.Task[T] = asyncio.create_task(self._work)
        leaving = asyncio.create_task(self._leaving(receive))
        task.add_done_callback(lambda _: self._bell.set())
        try:
            with self._pulse.joined(self):
                await self._bell.wait()
            if task.done():
                return task.result()
            assert self._gone is not None
            raise self._gone
        finally:
            task.cancel()
            leaving.cancel()
            await asyncio.wait({task, leaving})

    async def _leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._gone = ClientDisconnect()
        self._bell.set()
