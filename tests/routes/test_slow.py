"""A reader that takes nothing for a while: who sends to it does so in turn, and the end of the server is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from threadline.log.protocol import Batch
from threadline.routes.exchange import begin
from threadline.routes.pulse import Pulse
from threadline.routes.streams import NATIVE as ENDING
from threadline.routes.streams import Stream
from threadline.wire.native import NATIVE
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
HEARTBEAT = 0.3


class Reader:
    """The server's side of one connection: sending waits for room, and then looks where the answer is."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.waiting = 0
        self.most = 0
        self.bodies: list[bytes] = []
        self.complete = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.room.wait()
        finally:
            self.waiting -= 1
        if message["type"] == "http.response.body":
            assert not self.complete, "sent after the end"
            self.bodies.append(message["body"])
            self.complete = not message.get("more_body", False)

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def read(self, source: AsyncIterator[tuple[Batch, ...]], pulse: Pulse) -> None:
        scope: dict[str, Any] = {"type": "http", "method": "GET", "headers": []}
        begin(scope, "req_1")
        await Stream(source, NATIVE, ENDING, pulse).run(scope, self.receive, self.send)


@asynccontextmanager
async def beating() -> AsyncIterator[tuple[Pulse, asyncio.Event]]:
    draining = asyncio.Event()
    pulse = Pulse(SystemWorld(), draining, heartbeat=HEARTBEAT)
    task = asyncio.create_task(pulse.run())
    try:
        yield pulse, draining
    finally:
        draining.set()
        await task


async def test_a_sign_of_life_never_comes_between_or_after_what_waits_to_be_sent() -> None:
    reader = Reader()

    async def source() -> AsyncIterator[tuple[Batch, ...]]:
        yield (Batch(0, (b'{"type":"start"}',)),)
        reader.room.clear()
        yield (Batch(1, (b'{"type":"text-end","id":"p"}',)),)
        yield (Batch(2, (b'{"type":"finish"}',), final=True),)

    async with beating() as (pulse, _), asyncio.timeout(60):
        reading = asyncio.create_task(reader.read(source(), pulse))
        await asyncio.sleep(HEARTBEAT * 5)
        reader.room.set()
        await reading
    assert reader.complete
    assert reader.most == 1


async def test_what_comes_while_a_sign_of_life_waits_is_sent_after_it() -> None:
    reader, more = Reader(), asyncio.Event()

    async def source() -> AsyncIterator[tuple[Batch, ...]]:
        yield (Batch(0, (b'{"type":"start"}',)),)
        reader.room.clear()
        await more.wait()
        yield (Batch(1, (b'{"type":"finish"}',), final=True),)

    async with beating() as (pulse, _), asyncio.timeout(60):
        reading = asyncio.create_task(reader.read(source(), pulse))
        while not reader.waiting:
            await asyncio.sleep(0)
        more.set()
        await asyncio.sleep(HEARTBEAT)
        reader.room.set()
        await reading
    assert reader.most == 1
    assert [b"keep-alive" in body for body in reader.bodies] == [False, True, False]


@pytest.mark.parametrize("events", [0, 1])
async def test_a_reader_who_takes_nothing_hears_of_the_end_at_once(events: int) -> None:
    """Whether an event or a sign of life waits for it; it gets no last words, and comes back without them."""
    reader = Reader()

    async def source() -> AsyncIterator[tuple[Batch, ...]]:
        yield (Batch(0, (b'{"type":"start"}',)),)
        reader.room.clear()
        for number in range(events):
            yield (Batch(1 + number, (b'{"type":"x"}',)),)
        await asyncio.Event().wait()

    async with beating() as (pulse, draining), asyncio.timeout(60):
        reading = asyncio.create_task(reader.read(source(), pulse))
        while not reader.waiting:
            await asyncio.sleep(0)
        draining.set()
        await reading
    assert not reader.complete


async def test_a_reader_who_takes_what_it_is_sent_gets_last_words() -> None:
    reader = Reader()

    async def source() -> AsyncIterator[tuple[Batch, ...]]:
        yield (Batch(0, (b'{"type":"start"}',)),)
        await asyncio.Event().wait()

    async with beating() as (pulse, draining), asyncio.timeout(60):
        reading = asyncio.create_task(reader.read(source(), pulse))
        while not reader.bodies:
            await asyncio.sleep(0)
        draining.set()
        await reading
    assert reader.complete
    assert b"event: reconnect" in reader.bodies[-1]
