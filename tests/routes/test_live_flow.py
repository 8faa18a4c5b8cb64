"""``/api/live``: a slow reader is told less often, never anything wrong, and holds back nobody."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from tests.routes.conftest import begun
from tests.routes.test_live import say, socket_of, take
from tests.routes.test_live_bounds import waiting
from tests.support.client import Client
from tests.support.websocket import RawSocket

pytestmark = pytest.mark.anyio
KILOBYTE = 1024


class Slow:
    """Follows one run under several names, as slowly as it is told."""

    def __init__(self, socket: RawSocket) -> None:
        self.socket = socket
        self.events: dict[str, list[Any]] = defaultdict(list)
        self.frames: dict[str, int] = defaultdict(int)
        self.ended: set[str] = set()

    async def read(self, size: int) -> None:
        for frame in await self.socket.read(size):
            if frame["type"] == "events":
                assert frame["offset"] == len(self.events[frame["id"]])
                self.events[frame["id"]] += frame["events"]
                self.frames[frame["id"]] += 1
            elif frame["type"] == "end":
                assert frame["next"] == len(self.events[frame["id"]])
                self.ended.add(frame["id"])
            elif frame["type"] == "ping":
                self.socket.say(type="pong")

    async def dawdle(self) -> None:
        """A kilobyte a second."""
        while True:
            await self.read(KILOBYTE)
            await asyncio.sleep(1)


async def quickly(visitor: Client, run: str) -> tuple[list[Any], int]:
    """All events of a run, and in how many frames they came."""
    events: list[Any] = []
    frames = 0
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="quick", stream=f"runs/{run}")
        while (frame := await take(socket))["type"] != "end":
            if frame["type"] == "events":
                events += frame["events"]
                frames += 1
            elif frame["type"] == "ping":
                await say(socket, type="pong")
    return events, frames


async def test_who_reads_a_kilobyte_a_second_gets_all_in_order_in_far_fewer_frames_and_holds_nobody_back(
    open_own: Any,
) -> None:
    names = [f"s{number}" for number in range(8)]
    async with open_own(send_buffer=8 * KILOBYTE, heartbeat=2.0) as house, AsyncExitStack() as stack:
        visitor = house.visitor()
        await visitor.get("/api/me")
        raw = await RawSocket.open(house.port, "/api/live", {"Cookie": visitor.cookie})
        stack.callback(raw.close)
        slow = Slow(raw)
        run = await begun(visitor, "A story of 5000 words, at once.")
        for name in names:
            slow.socket.say(type="subscribe", id=name, stream=f"runs/{run}")
        dawdling = asyncio.create_task(slow.dawdle())
        events, frames = await quickly(visitor, run)
        assert len(events) > 4000
        assert not slow.ended
        # It is far behind, and hardly anything is kept for it.
        assert all(len(slow.events[name]) < len(events) / 2 for name in names)
        assert waiting() < 512 * KILOBYTE
        dawdling.cancel()
        with suppress(asyncio.CancelledError):
            await dawdling
        async with asyncio.timeout(120):
            while len(slow.ended) < len(names):
                await slow.read(1 << 16)
        assert all(slow.events[name] == events for name in names)
        assert max(slow.frames.values()) < frames / 3
